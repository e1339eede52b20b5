"""`github drift-issue`: the one issue about drift and credentials that end, or one for each named tenant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.core.expiry import describe_stage, find_expiry
from reconciler.core.model import Diagnostic
from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.apply_runs import describe_unapplied_runs
from reconciler.github.comments import Marker
from reconciler.github.environment import APPLY_WORKFLOW, open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.saved_plan import read_saved_plan, render_for_github
from reconciler.session.terminal import Terminal

_KIND = "reconciler drift"
_EXPIRY_TITLE = "A credential of the connection expires"
_LISTED = 5
"""Runs that are listed, and credentials that are announced: a long plan leaves little room."""
_TITLE = "The target differs from the default branch"


def run_drift_issue(file: Path, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Open or update the issue with a saved plan; close it if the plan has nothing to do.

    Raises `GitHubError` if GitHub refuses: the drift would go unnoticed.
    """
    plan = read_saved_plan(file)
    tenant, differs = plan.target.tenant, bool(plan.changes or plan.blocked or plan.tally.failed)
    expiry = find_expiry(plan.diagnostics)
    about = _TITLE if differs or not expiry else _EXPIRY_TITLE
    marker, title = Marker(_KIND, tenant), f"{about} (tenant {tenant})" if tenant is not None else about
    shown, here = render_for_github(file, "comment", redact=redact), read_workflow()
    with open_github(read_network()) as hub:
        if differs or expiry:
            shown += _describe_unapplied_runs(hub, here.branch, terminal)
            body = workflow_commands.format_body(shown, str(marker), here.run_url)
            done = comments.write_issue(hub, marker, title, body, author)
            _announce_expiry(hub, marker, expiry, author, terminal)
        else:
            body = workflow_commands.format_body(shown, str(marker), here.run_url)
            done = comments.close_issue(hub, marker, body, author)
    terminal.note(f"Issue about drift: {done}.")
    return ExitCode.OK


def _announce_expiry(
    hub: GitHub, marker: Marker, expiry: Sequence[Diagnostic], author: str, terminal: Terminal
) -> None:
    """Comment once for each stage that a credential reaches: GitHub sends no mail about an update of the issue."""
    try:
        for item in expiry[:_LISTED]:
            comments.comment_once(hub, marker, f"{describe_stage(item)}. The issue says what to do.", author)
    except GitHubError as exc:
        terminal.note(f"The issue has no comment about its credentials: {escape_control(exc.summary)}. {exc.detail}")


def _describe_unapplied_runs(hub: GitHub, branch: str, terminal: Terminal) -> str:
    """Return a section about the runs of the apply workflow that never applied; "" if there are none."""
    try:
        lines = describe_unapplied_runs(hub, APPLY_WORKFLOW, branch)
    except GitHubError as exc:
        terminal.note(f"Cannot determine whether every merge was applied: {escape_control(exc.summary)}. {exc.detail}")
        return ""
    listed = "".join(f"- {line}.\n" for line in lines[:_LISTED])
    return f"\n\n#### Runs that did not apply, since the last one that did\n\n{listed}" if lines else ""
