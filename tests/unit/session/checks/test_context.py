from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.model import Target
from reconciler.profiles import PROFILES
from reconciler.session.checks.context import CheckContext
from reconciler.session.workspace import Workspace


@pytest.fixture
def here() -> CheckContext:
    workspace = Workspace(Path("desired-state"), Path("plans"), sandbox=False, now=datetime.now(UTC))
    return CheckContext(workspace, RecordingTerminal(), {}, datetime.now(UTC), ExitStack())


@pytest.mark.parametrize(
    ("verdict", "passed"), [("ok", True), ("warning", True), ("failed", False), ("skipped", False)]
)
def test_only_ok_and_warning_are_good_enough_for_other_questions(here: CheckContext, verdict: str, passed: int) -> None:
    here.answers["tls"] = Answer("tls", CheckVerdict(verdict), "x")
    assert here.passed("tls") is bool(passed)
    assert not here.passed("dns")


def test_the_profile_is_that_of_the_target(here: CheckContext) -> None:
    assert here.profile is None
    here.target = Target("scim", "https://h")
    assert here.profile is PROFILES["scim"]
