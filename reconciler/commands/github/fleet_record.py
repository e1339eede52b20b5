"""`github fleet-record`: which plans of a fleet were made for a commit, as a status of that commit."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import quote
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.report import CHANGED, CREATED, GOOD_STATES, REMOVED, read_report
from reconciler.github import reviewed_plan
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


def run_fleet_record(file: Path, head: str, terminal: Terminal) -> ExitCode:
    """Record the plans on a pull request's head commit. Raises `UsageError` if they were made for another commit."""
    report, here = read_report(file), read_workflow()
    if report.commit != head:
        raise UsageError(f"the plans were made for commit {report.commit}, not for {quote(head)}", "Plan that one.")
    removed, changed = report.count(*REMOVED), report.count(*CREATED, *CHANGED)
    # GitHub takes 140 characters.
    counts = f"{len(report.tenants)} tenants, {changed} changes, {removed} removals"
    blocked = any(tenant.state not in GOOD_STATES for tenant in report.tenants)
    status = reviewed_plan.PlanStatus(report.plan_id, counts, blocked=blocked)
    with open_github(read_network()) as hub:
        terminal.note(reviewed_plan.record_status(hub, head, status, here.run, here.run_url))
    return ExitCode.OK
