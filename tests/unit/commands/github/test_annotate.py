from __future__ import annotations

from support.target_workspace import TargetWorkspace

from reconciler.commands.github.annotate import run_annotate
from reconciler.errors import ExitCode


def test_an_error_is_an_annotation_at_its_line(target: TargetWorkspace) -> None:
    target.files.write("users/people.yaml", "- 7\n")
    assert run_annotate(target.workspace, "org/desired", target.terminal, redact=False) is ExitCode.OK
    (line,) = target.terminal.out.splitlines()
    assert line.startswith("::error file=org/desired/users/people.yaml,line=1,col=3")


def test_a_valid_desired_state_has_no_annotation(target: TargetWorkspace) -> None:
    run_annotate(target.workspace, "desired-state", target.terminal, redact=False)
    assert target.terminal.out == ""
