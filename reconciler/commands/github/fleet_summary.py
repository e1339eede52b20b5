"""`github fleet-summary`: a run for many tenants in the summary of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.environment import read_workflow
from reconciler.session.fleet.github_report import render_report_for_github
from reconciler.session.terminal import Terminal


def run_fleet_summary(file: Path, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Append the run to the summary of the step."""
    target = read_workflow().summary
    if target is None:
        terminal.note("There is no step summary outside of GitHub Actions.")
        return ExitCode.OK
    used = target.stat().st_size if target.exists() else 0
    text = render_report_for_github(file, redact=redact)
    with target.open("a", encoding="utf-8") as out:
        out.write(workflow_commands.format_summary(text, used, markdown=True))
    return ExitCode.OK
