"""`github source`: whether there is a source to import people from, for the steps after it."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.session.github_step import print_outputs
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings


def run_source(workspace: Workspace, terminal: Terminal) -> ExitCode:
    """Set the output `entra`; outside of GitHub Actions print it."""
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    print_outputs({"entra": settings.source.entra is not None}, terminal)
    return ExitCode.OK
