"""`github comment`: a saved plan as the one comment of a pull request."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import comments, workflow_commands
from reconciler.github.api import GitHub
from reconciler.github.environment import read_workflow
from reconciler.session.github_step import run_optional_step
from reconciler.session.saved_plan import render_for_github
from reconciler.session.terminal import Terminal

_MARKER = "reconciler plan"


def run_comment(file: Path, pull: int, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Write the comment. If GitHub refuses, warn: a missing comment does not fail the plan."""
    shown = render_for_github(file, "comment", redact=redact)
    body = workflow_commands.format_body(shown, _MARKER, read_workflow().run_url)

    def write(hub: GitHub) -> str:
        return comments.write_comment(hub, pull, _MARKER, body, author)

    return run_optional_step("comment", write, terminal)
