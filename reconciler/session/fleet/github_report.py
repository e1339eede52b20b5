"""A run of a fleet as GitHub shows it: in a comment, an issue or the summary of a step."""

from __future__ import annotations

from pathlib import Path

from reconciler.fleet.report import read_report
from reconciler.github.environment import read_workflow
from reconciler.render.style import Style
from reconciler.session.fleet.summary import load_fleet_summary, render_fleet


def render_report_for_github(file: Path, *, redact: bool) -> str:
    """Return what `fleet gather` saved as Markdown, short enough for a comment. Raises `PlanFileError`.

    The plans of the tenants are next to the file: they name who is removed.
    """
    style = Style(redact=redact)
    summary = load_fleet_summary(read_report(file), [file.parent], style, read_workflow().run_url)
    return render_fleet(summary, "markdown", style)
