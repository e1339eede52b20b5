"""What steps of a workflow share: their outputs, and writes to GitHub that must not fail them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


def write_outputs(facts: Mapping[str, str | int | bool]) -> None:
    """Add to the outputs of the step; without a workflow, nothing."""
    target = read_workflow().outputs
    if target is not None:
        with target.open("a", encoding="utf-8") as out:
            out.write(workflow_commands.format_outputs(facts))


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
