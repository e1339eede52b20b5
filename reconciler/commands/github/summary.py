"""`github summary`: a saved plan, or a text, in the summary of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.record.files import read_file
from reconciler.session.github_step import run_summary_step
from reconciler.session.saved_plan import render_for_github
from reconciler.session.terminal import Terminal


def run_summary(file: Path, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Append a file to the summary of the step: a saved plan as Markdown, anything else as code."""
    if file.suffix == ".json":
        return run_summary_step(lambda: render_for_github(file, "summary", redact=redact), terminal, markdown=True)
    return run_summary_step(lambda: read_file(file).decode(errors="replace"), terminal, markdown=False)
