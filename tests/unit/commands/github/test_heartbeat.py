from __future__ import annotations

from support.workflow_step import Step

from reconciler.commands.github.heartbeat import run_heartbeat
from reconciler.errors import ExitCode


def test_the_workflow_is_enabled(step: Step) -> None:
    run_heartbeat("drift.yml", step.terminal)
    assert step.api.enabled == ["drift.yml"]
    assert step.terminal.notes == ["GitHub heartbeat: enabled."]


def test_a_refusal_of_github_is_a_warning_only(step: Step) -> None:
    step.api.tokens.clear()
    assert run_heartbeat("drift.yml", step.terminal) is ExitCode.OK
    assert step.terminal.out.startswith("::warning::heartbeat: ")
