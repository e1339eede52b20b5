from __future__ import annotations

import pytest
from support.workflow_step import Step

from reconciler.commands.github.expect import run_expect
from reconciler.errors import ExitCode, StalePlanError


def test_the_expected_plan_passes(step: Step) -> None:
    assert run_expect(step.workspace, step.file, step.plan.plan_id, step.terminal) is ExitCode.OK
    assert step.terminal.notes == [f"This is the plan: {step.plan.plan_id}"]


def test_another_plan_is_stale(step: Step) -> None:
    with pytest.raises(StalePlanError, match=f'the plan is {step.plan.plan_id}, not "sha256:0"'):
        run_expect(step.workspace, step.file, "sha256:0", step.terminal)


def test_a_later_run_that_applied_makes_it_stale(step: Step) -> None:
    run = step.api.run(4, "apply.yml", "push", status="completed", conclusion="success")
    step.api.job(run, "apply", {"Apply": "success"})
    with pytest.raises(StalePlanError, match="run 4 of this workflow, for a later commit, has applied"):
        run_expect(step.workspace, step.file, step.plan.plan_id, step.terminal)
