"""`github annotate`: errors of the desired state as annotations in a pull request."""

from __future__ import annotations

from reconciler.desired.loader import load
from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.render.user_errors import combine_user_errors
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, approval_date


def run_annotate(workspace: Workspace, folder: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Print an annotation per diagnostic; `folder` is the directory of the desired state in the repository."""
    found = combine_user_errors(load(workspace.state, workspace.now, approval_date(workspace)).diagnostics)
    for line in workflow_commands.annotate(found, folder, redact=redact):
        terminal.result(line)
    return ExitCode.OK
