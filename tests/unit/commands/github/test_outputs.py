from __future__ import annotations

import pytest
from support.workflow_step import Step

from reconciler.commands.github.outputs import run_outputs


def test_facts_of_the_plan_are_outputs(step: Step) -> None:
    step.outputs.write_text("earlier=1\n")
    run_outputs(step.file, step.terminal)
    lines = step.outputs.read_text().splitlines()
    assert lines[0] == "earlier=1"
    assert {f"plan-id={step.plan.plan_id}", "changes=1", "blocked=false", "update=1", "create=0"} <= set(lines)


def test_outside_of_github_actions_they_go_to_stdout(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT")
    run_outputs(step.file, step.terminal)
    assert "changes=1\n" in step.terminal.out
