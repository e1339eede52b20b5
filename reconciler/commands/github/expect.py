"""`github expect`: whether a saved plan is the one that was approved."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import quote, shorten
from reconciler.errors import ExitCode, StalePlanError
from reconciler.github import reviewed_plan
from reconciler.github.environment import APPLY_WORKFLOW, open_github, read_workflow
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal


def run_expect(file: Path, plan_id: str, terminal: Terminal) -> ExitCode:
    """Raise `StalePlanError` unless a saved plan has this ID and no later run has applied."""
    here = read_workflow()
    with open_github() as hub:
        reviewed_plan.refuse_after_later_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
    plan = read_saved_plan(file)
    if plan.plan_id != plan_id:
        expected = quote(shorten(plan_id, 100))
        raise StalePlanError(f"the plan is {plan.plan_id}, not {expected}", "Review the current plan first.")
    terminal.note(f"This is the plan: {plan.plan_id}")
    return ExitCode.OK
