"""`github summary`: a saved plan, or a text, in the summary of the step."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.environment import read_workflow
from reconciler.record.files import read_file
from reconciler.session.saved_plan import render_for_github
from reconciler.session.terminal import Terminal


def run_summary(file: Path, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Append a file to the summary of the step: a saved plan as Markdown, anything else as code."""
    target = read_workflow().summary
    if target is None:
        terminal.note("There is no step summary outside of GitHub Actions.")
        return ExitCode.OK
    used = target.stat().st_size if target.exists() else 0
    is_plan = file.suffix == ".json"
    text = render_for_github(file, "summary", redact=redact) if is_plan else read_file(file).decode(errors="replace")
    with target.open("a", encoding="utf-8") as out:
        out.write(workflow_commands.format_summary(text, used, markdown=is_plan))
    return ExitCode.OK
