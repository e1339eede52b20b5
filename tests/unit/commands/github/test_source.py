from __future__ import annotations

import pytest
from support.workflow_step import Step

from reconciler.commands.github.source import run_source
from reconciler.errors import ExitCode

ENTRA = "source:\n  entra: {tenant: contoso.onmicrosoft.com, application: Apple}\n"


@pytest.mark.parametrize(("more", "said"), [("", "false"), (ENTRA, "true")])
def test_a_directory_is_there_or_not(more: str, said: str, step: Step) -> None:
    settings = step.workspace.state / "settings.yaml"
    settings.write_text('target: {profile: scim, base_url: "https://scim.example.com"}\n' + more)
    assert run_source(step.workspace, step.terminal) is ExitCode.OK
    assert step.outputs.read_text() == f"entra={said}\n"


def test_outside_of_a_workflow_the_output_is_printed(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT")
    run_source(step.workspace, step.terminal)
    assert step.terminal.out == "entra=false\n"


def test_settings_that_cannot_be_read_are_an_error_without_output(step: Step) -> None:
    (step.workspace.state / "settings.yaml").write_text("source: x\n")
    assert run_source(step.workspace, step.terminal) is ExitCode.ERROR
    assert not step.outputs.exists()
