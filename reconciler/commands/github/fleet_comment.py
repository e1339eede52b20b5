"""`github fleet-comment`: a run for many tenants as the one comment of a pull request."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.api import GitHub
from reconciler.github.comments import Marker
from reconciler.github.environment import read_workflow
from reconciler.session.fleet.github_report import render_report_for_github
from reconciler.session.github_step import run_optional_step
from reconciler.session.terminal import Terminal

_MARKER = Marker("reconciler fleet plan")
_NO_RESULT = "The plans of the tenants could not be gathered. The log of the run says why."


def run_fleet_comment(file: Path, pull: int, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Write the comment. If GitHub refuses, warn: a missing comment does not fail the plan."""
    # Without a document, the comment of an earlier one must not stay as it is.
    shown = render_report_for_github(file, redact=redact) if file.exists() else _NO_RESULT

    def write(hub: GitHub) -> str:
        body = workflow_commands.format_body(shown, str(_MARKER), read_workflow().run_url)
        return comments.write_comment(hub, pull, _MARKER, body, author)

    return run_optional_step("comment", write, terminal)
