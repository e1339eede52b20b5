"""What steps of a workflow share: their outputs and summary, and writes to GitHub that must not fail them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal

Facts = Mapping[str, str | int | bool]


def write_outputs(facts: Facts) -> bool:
    """Add to the outputs of the step; return whether it has any: outside of GitHub Actions nothing is written."""
    target = read_workflow().outputs
    if target is None:
        return False
    with target.open("a", encoding="utf-8") as out:
        out.write(workflow_commands.format_outputs(facts))
    return True


def print_outputs(facts: Facts, terminal: Terminal) -> None:
    """Add to the outputs of the step; outside of GitHub Actions print them."""
    if not write_outputs(facts):
        terminal.result(workflow_commands.format_outputs(facts))


def write_summary(text: str, *, markdown: bool) -> None:
    """Append to the summary of the step, plain text as code; outside of GitHub Actions nothing is written."""
    target = read_workflow().summary
    if target is None:
        return
    used = target.stat().st_size if target.exists() else 0
    with target.open("a", encoding="utf-8") as out:
        out.write(workflow_commands.format_summary(text, used, markdown=markdown))


def run_summary_step(render: Callable[[], str], terminal: Terminal, *, markdown: bool) -> ExitCode:
    """Append what `render` returns to the summary of the step; outside of GitHub Actions only say so."""
    if read_workflow().summary is None:
        terminal.note("There is no step summary outside of GitHub Actions.")
    else:
        write_summary(render(), markdown=markdown)
    return ExitCode.OK


def report_record_branch(branch: str, tip: str | None, terminal: Terminal) -> None:
    """Output and note the record branch that was fetched. `tip`: its commit; None: there is none yet."""
    write_outputs({"branch": branch})
    terminal.note(f"The record is {branch} at {tip[:12]}." if tip else f"There is no branch {branch} yet: no record.")


def run_optional_step(name: str, write: Callable[[GitHub], str], terminal: Terminal) -> ExitCode:
    """Run `write` and note what it did; if GitHub refuses, print a warning annotation instead of failing."""
    try:
        with open_github(read_network()) as hub:
            terminal.note(f"GitHub {name}: {write(hub)}.")
    except GitHubError as exc:
        terminal.result(
            workflow_commands.format_command("warning", escape_control(f"{name}: {exc.summary}. {exc.detail}"))
        )
    return ExitCode.OK
