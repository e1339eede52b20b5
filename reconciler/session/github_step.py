"""Steps of a workflow that must not fail it."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.environment import open_github
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


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
