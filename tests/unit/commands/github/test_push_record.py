from __future__ import annotations

import pytest
from support.target_workspace import TargetWorkspace

from reconciler.commands.github.push_record import run_push_record
from reconciler.errors import ExitCode, UsageError


def test_without_a_record_branch_nothing_is_pushed(target: TargetWorkspace) -> None:
    assert run_push_record(target.workspace, "Ada <ada@example.com>", target.terminal) is ExitCode.OK
    assert target.terminal.notes == ["settings.yaml names no record.branch: nothing was pushed."]


@pytest.mark.parametrize("author", ["Ada", "Ada <>", "<ada@example.com>", "Ada\n <ada@example.com>"])
def test_an_author_has_gits_form(target: TargetWorkspace, author: str) -> None:
    with pytest.raises(UsageError, match="is not an author"):
        run_push_record(target.workspace, author, target.terminal)
