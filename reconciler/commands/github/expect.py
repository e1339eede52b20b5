"""`github expect`: whether a saved plan is the one that was approved."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import quote, shorten
from reconciler.errors import ExitCode, StalePlanError
from reconciler.github.environment import git_remote, open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.run_order import check_run_order
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


def run_expect(workspace: Workspace, file: Path, plan_id: str, terminal: Terminal) -> ExitCode:
    """Raise `StalePlanError` unless a saved plan has this ID and no later run or commit has been applied."""
    network = read_network()
    with open_github(network) as hub:
        if not check_run_order(workspace, hub, git_remote(network), read_workflow(), terminal):
            return ExitCode.ERROR
    plan = read_saved_plan(file)
    if plan.plan_id != plan_id:
        expected = quote(shorten(plan_id, 100))
        raise StalePlanError(f"the plan is {plan.plan_id}, not {expected}", "Review the current plan first.")
    terminal.note(f"This is the plan: {plan.plan_id}")
    return ExitCode.OK
