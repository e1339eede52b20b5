"""`github outputs`: facts of a saved plan as outputs of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.plan import Action, Plan
from reconciler.errors import ExitCode
from reconciler.session.github_step import Facts, print_outputs
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal


def run_outputs(file: Path, terminal: Terminal) -> ExitCode:
    """Write the plan's ID and counts to the outputs of the step; outside of GitHub Actions to stdout."""
    print_outputs(list_facts(read_saved_plan(file)), terminal)
    return ExitCode.OK


def list_facts(plan: Plan) -> Facts:
    """Return what outputs say of a plan."""
    counts = {action.value: plan.count(action) for action in Action}
    return {
        "plan-id": plan.plan_id,
        "changes": len(plan.changes),
        "blocked": plan.blocked,
        "applyable": plan.applyable,
        "failed": plan.tally.failed,
        **counts,
    }
