from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.checks import ask_all, show
from support.target_workspace import TargetWorkspace

from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.unattended import ask_unattended


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        yield open_context(target.workspace, target.terminal, resources, environment={})


def ask(context: CheckContext) -> str:
    files = CheckGroup(ask_files, ("desired_state", "target"))
    return list(show(ask_all(context, files, CheckGroup(ask_unattended, ("unattended",)))))[-1]


def test_by_default_everything_is_reviewed(context: CheckContext) -> None:
    assert ask(context) == "ok unattended: nothing is applied without a review"


def test_limits_are_counted_by_a_record_that_is_kept(context: CheckContext, target: TargetWorkspace) -> None:
    limits = {"updates": 5000, "creates": 2}
    target.files.settings(unattended=limits)
    said = ask(context)
    assert said.startswith(
        "warning unattended: in a day at most updates 5,000, creates 2, removals 0, and no branch for"
    )
    target.files.settings(unattended=limits, record={"branch": "reconciler-record"})
    assert ask(context) == "ok unattended: in a day at most updates 5,000, creates 2, removals 0"
