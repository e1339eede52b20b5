"""`github drift-issue`: the one issue about drift, or one for each named tenant."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.comments import Marker
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.saved_plan import read_saved_plan, render_for_github
from reconciler.session.terminal import Terminal

_KIND = "reconciler drift"
_TITLE = "The target differs from the default branch"


def run_drift_issue(file: Path, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Open or update the issue with a saved plan; close it if the plan has nothing to do.

    Raises `GitHubError` if GitHub refuses: the drift would go unnoticed.
    """
    plan = read_saved_plan(file)
    tenant = plan.target.tenant
    marker, title = Marker(_KIND, tenant), f"{_TITLE} (tenant {tenant})" if tenant is not None else _TITLE
    shown = render_for_github(file, "comment", redact=redact)
    body = workflow_commands.format_body(shown, str(marker), read_workflow().run_url)
    with open_github() as hub:
        if plan.changes or plan.blocked or plan.tally.failed:
            done = comments.write_issue(hub, marker, title, body, author)
        else:
            done = comments.close_issue(hub, marker, body, author)
    terminal.note(f"Issue about drift: {done}.")
    return ExitCode.OK
