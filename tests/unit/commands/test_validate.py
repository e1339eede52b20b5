from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.commands.validate import ValidateOptions, run_validate
from reconciler.errors import ExitCode, UsageError

TEXT = ValidateOptions()


def test_a_valid_desired_state_is_summarized(target: TargetWorkspace) -> None:
    target.desire(person("ada", isSoftDeleted=True), person("bob"))
    assert run_validate(target.workspace, TEXT, target.terminal) is ExitCode.OK
    day = f"{target.workspace.now:%Y-%m-%d}"
    assert target.terminal.out == f"The desired state is valid: 3 users, 3 of them in scope on {day}.\n"
    assert target.service.log == []


def test_all_errors_are_shown_and_counted(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- {userPrincipalName: ada@example.com, userPrincipalName: 1}\n- 7\n")
    assert run_validate(target.workspace, TEXT, target.terminal) is ExitCode.ERROR
    assert len(target.terminal.found) == 2
    assert target.terminal.out == f"2 errors in {target.workspace.state}.\n"


def test_one_error_is_singular(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    run_validate(target.workspace, TEXT, target.terminal)
    assert target.terminal.out == f"1 error in {target.workspace.state}.\n"


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_data_goes_to_stdout_alone_or_to_a_file_beside_the_text(
    form: str, target: TargetWorkspace, tmp_path: Path
) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    assert run_validate(target.workspace, ValidateOptions(format=form), target.terminal) is ExitCode.ERROR
    shown, target.terminal.out = target.terminal.out, ""
    assert (json.loads(shown) != {}, target.terminal.found) == (True, [])
    saved = tmp_path / "out" / "result.json"
    assert run_validate(target.workspace, ValidateOptions(None, form, saved), target.terminal) is ExitCode.ERROR
    assert saved.read_text("utf-8") == shown
    assert (len(target.terminal.found), target.terminal.out) == (1, f"1 error in {target.workspace.state}.\n")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (ValidateOptions(format="html"), "--format html does not exist"),
        (ValidateOptions(out=Path("x")), "--out needs --format json or sarif"),
        (ValidateOptions("main", "sarif"), "--base cannot be combined with --format sarif"),
    ],
)
def test_options_that_do_not_go_together(options: ValidateOptions, problem: str, target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match=problem):
        run_validate(target.workspace, options, target.terminal)
