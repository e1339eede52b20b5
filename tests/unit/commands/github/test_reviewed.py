from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import builders
from support.workflow_step import HEAD, MERGED, Step

from reconciler.commands.github.reviewed import run_reviewed
from reconciler.core.plan import Plan
from reconciler.github.reviewed_plan import NotReviewedError
from reconciler.record.plan_file import to_json


def keep(step: Step, plan: Plan) -> None:
    """Keep `plan` as what the plan workflow made for pull request 7, which is merged."""
    run = step.api.run(1, "plan.yml", "pull_request_target")
    step.api.artifact(run, f"reviewed-plan-{HEAD}", {"plan.json": to_json(plan).encode()})
    step.api.status(HEAD, f"{step.plan.plan_id} of run {run}: 1 to update")
    step.api.pull(7, HEAD, MERGED)


def test_the_reviewed_plan_is_saved(step: Step, tmp_path: Path) -> None:
    keep(step, step.plan)
    run_reviewed(step.workspace, tmp_path / "reviewed.json", step.terminal)
    assert (tmp_path / "reviewed.json").read_text() == to_json(step.plan)
    assert step.terminal.notes == [f"Reviewed in pull request 7 at {HEAD[:12]}: {step.plan.plan_id}"]


def test_another_plan_in_its_place_is_not_believed(step: Step, tmp_path: Path) -> None:
    keep(step, replace(builders.plan_with(builders.change("bob")), commit=HEAD))
    with pytest.raises(NotReviewedError, match="is not kept any more, or another one is"):
        run_reviewed(step.workspace, tmp_path / "reviewed.json", step.terminal)
    assert not (tmp_path / "reviewed.json").exists()
