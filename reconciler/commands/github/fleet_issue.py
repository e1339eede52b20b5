"""`github fleet-issue`: the issue about drift of a fleet, one for each part of the day."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.fleet.report import NOT_APPLIED, TenantState, read_report
from reconciler.fleet.shards import parse_part
from reconciler.github import comments, workflow_commands
from reconciler.github.comments import Marker
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.fleet.github_report import render_report_for_github
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal

_TITLE = "Targets of tenants differ from the default branch"


def run_fleet_issue(file: Path, part: str, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Open or update the issue of this part of the tenants; close it if none differs, failed or waits for an apply.

    Raises `GitHubError` if GitHub refuses: the drift would go unnoticed.
    """
    report, here, slice_ = read_report(file), read_workflow(), parse_part(part, "--slice")
    marker, title = Marker(f"reconciler fleet drift {slice_}"), f"{_TITLE} (part {slice_})"
    shown = render_report_for_github(file, redact=redact)
    waiting = report.count(NOT_APPLIED)
    if here.run and (waiting or report.of_state(TenantState.CHANGED)):
        shown += (
            f"\nTo apply these plans, start the workflow `apply` with the id {report.plan_id} and the run {here.run}.\n"
        )
    body = workflow_commands.format_body(shown, str(marker), here.run_url)
    with open_github(read_network()) as hub:
        if waiting or any(tenant.state is not TenantState.SAME for tenant in report.tenants):
            done = comments.write_issue(hub, marker, title, body, author)
        else:
            done = comments.close_issue(hub, marker, body, author)
    terminal.note(f"Issue about drift: {done}.")
    return ExitCode.OK
