"""`github outputs`: facts of a saved plan as outputs of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.plan import Action, Plan
from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.environment import read_workflow
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal


def run_outputs(file: Path, terminal: Terminal) -> ExitCode:
    """Write the plan's ID and counts to the outputs of the step; outside of GitHub Actions to stdout."""
    text = workflow_commands.format_outputs(_list_facts(read_saved_plan(file)))
    target = read_workflow().outputs
    if target is None:
        terminal.result(text)
        return ExitCode.OK
    with target.open("a", encoding="utf-8") as out:
        out.write(text)
    return ExitCode.OK


def _list_facts(plan: Plan) -> dict[str, str | int | bool]:
    counts = {action.value: plan.count(action) for action in Action}
    return {
        "plan-id": plan.plan_id,
        "changes": len(plan.changes),
        "blocked": plan.blocked,
        "applyable": plan.applyable,
        "failed": plan.tally.failed,
        **counts,
    }
