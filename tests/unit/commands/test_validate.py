from __future__ import annotations

from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.commands.validate import run_validate
from reconciler.errors import ExitCode


def test_a_valid_desired_state_is_summarized(target: TargetWorkspace) -> None:
    target.desire(person("ada", isSoftDeleted=True), person("bob"))
    assert run_validate(target.workspace, target.terminal) is ExitCode.OK
    day = f"{target.workspace.now:%Y-%m-%d}"
    assert target.terminal.out == f"The desired state is valid: 3 users, 3 of them in scope on {day}.\n"
    assert target.service.log == []


def test_all_errors_are_shown_and_counted(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- {userPrincipalName: ada@example.com, userPrincipalName: 1}\n- 7\n")
    assert run_validate(target.workspace, target.terminal) is ExitCode.ERROR
    assert len(target.terminal.found) == 2
    assert target.terminal.out == f"2 errors in {target.workspace.state}.\n"


def test_one_error_is_singular(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    run_validate(target.workspace, target.terminal)
    assert target.terminal.out == f"1 error in {target.workspace.state}.\n"
