"""A run of a fleet as GitHub shows it: in a comment, an issue or the summary of a step."""

from __future__ import annotations

from pathlib import Path

from reconciler.fleet.report import read_report
from reconciler.github.environment import read_workflow
from reconciler.render.fleet_markdown import render_fleet_markdown
from reconciler.render.fleet_view import build_fleet_view
from reconciler.render.style import Style


def render_report_for_github(file: Path, *, redact: bool) -> str:
    """Return what `fleet gather` saved as Markdown, short enough for a comment. Raises `PlanFileError`."""
    view = build_fleet_view(read_report(file), whole_at=read_workflow().run_url)
    return render_fleet_markdown(view, Style(redact=redact))
