from __future__ import annotations

from support.target_workspace import TargetWorkspace

from reconciler.commands.github.fetch_record import run_fetch_record
from reconciler.errors import ExitCode


def test_without_a_record_branch_nothing_is_fetched(target: TargetWorkspace) -> None:
    assert run_fetch_record(target.workspace, target.terminal) is ExitCode.OK
    assert target.terminal.notes == ["settings.yaml names no record.branch: this run does not know of earlier ones."]


def test_invalid_settings_are_shown(target: TargetWorkspace) -> None:
    target.files.write("settings.yaml", "nonsense: 1\n")
    assert run_fetch_record(target.workspace, target.terminal) is ExitCode.ERROR
    assert target.terminal.found
