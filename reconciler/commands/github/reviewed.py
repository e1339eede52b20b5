"""`github reviewed`: the plan that was reviewed in the pull request of this run's commit."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import reviewed_plan
from reconciler.github.environment import PLAN_WORKFLOW, git_remote, open_github, read_workflow
from reconciler.record.files import write_private
from reconciler.record.plan_file import from_json
from reconciler.session.network import read_network
from reconciler.session.run_order import check_run_order
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


def run_reviewed(workspace: Workspace, out: Path, terminal: Terminal) -> ExitCode:
    """Save the reviewed plan to `out`. Raises `NotReviewedError` if there is none."""
    here, network = read_workflow(), read_network()
    with open_github(network) as hub:
        if not check_run_order(workspace, hub, git_remote(network), here, terminal):
            return ExitCode.ERROR
        pull = reviewed_plan.at_last_approval(hub, reviewed_plan.find_merged_pull(hub, here.commit, here.branch))
        found = reviewed_plan.find_recorded_plan(hub, pull)
        contents = list(reviewed_plan.download_plans(hub, pull, found, PLAN_WORKFLOW, here))
    for content in contents:
        plan = from_json(content)
        if (plan.plan_id, plan.commit) == (found.plan_id, pull.head):
            write_private(out, content.decode())
            terminal.note(f"Reviewed in pull request {pull.number} at {pull.head[:12]}: {plan.plan_id}")
            return ExitCode.OK
    raise reviewed_plan.NotReviewedError(
        f"the plan reviewed in pull request {pull.number} ({found.plan_id}) is not kept any more, or another one is"
    )
