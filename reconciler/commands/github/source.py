"""`github source`: whether there is a source to import people from, for the steps after it."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.github.environment import read_workflow
from reconciler.github.workflow_commands import format_outputs
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings


def run_source(workspace: Workspace, terminal: Terminal) -> ExitCode:
    """Set the output `entra`; outside of GitHub Actions print it."""
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    outputs, target = format_outputs({"entra": settings.source.entra is not None}), read_workflow().outputs
    if target is None:
        terminal.result(outputs)
        return ExitCode.OK
    with target.open("a", encoding="utf-8") as out:
        out.write(outputs)
    return ExitCode.OK
