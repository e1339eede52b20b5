from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.checks import ask_all, show
from support.git_repository import GitRepository
from support.target_workspace import TargetWorkspace

from reconciler.core.provisioning import SWITCH_ON
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.provisioning import ask_provisioning


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        yield open_context(target.workspace, target.terminal, resources, environment={})


def ask(context: CheckContext) -> str:
    files = CheckGroup(ask_files, ("desired_state", "target"))
    return list(show(ask_all(context, files, CheckGroup(ask_provisioning, ("provisioning",)))))[-1]


def test_on_is_as_it_should_be(context: CheckContext) -> None:
    assert ask(context) == "ok provisioning: on"


def test_off_needs_attention(context: CheckContext, target: TargetWorkspace) -> None:
    target.files.settings(provisioning={"enabled": False})
    assert ask(context) == f"warning provisioning: off. Nothing is applied | {SWITCH_ON}"
    target.files.settings(provisioning={"enabled": False, "reason": "A\nmove"})
    GitRepository(target.files.root).commit("Switch it off")
    since = "since 2026-02-25 06:14 UTC"
    assert ask(context) == f'warning provisioning: off {since}: "A\\nmove". Nothing is applied | {SWITCH_ON}'
