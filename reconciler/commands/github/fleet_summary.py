"""`github fleet-summary`: a run for many tenants in the summary of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.session.fleet.github_report import render_report_for_github
from reconciler.session.github_step import run_summary_step
from reconciler.session.terminal import Terminal


def run_fleet_summary(file: Path, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Append the run to the summary of the step."""
    return run_summary_step(lambda: render_report_for_github(file, redact=redact), terminal, markdown=True)
