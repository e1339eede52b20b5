"""`github record`: which plan was made for a commit, as a status of that commit."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import quote
from reconciler.errors import ExitCode, UsageError
from reconciler.github import reviewed_plan
from reconciler.github.environment import open_github, read_workflow
from reconciler.session.network import read_network
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal


def run_record(file: Path, head: str, terminal: Terminal) -> ExitCode:
    """Record the plan on a pull request's head commit. Raises `UsageError` if it was made for another commit."""
    plan, here = read_saved_plan(file), read_workflow()
    if plan.commit != head:
        raise UsageError(f"the plan was made for commit {plan.commit}, not for {quote(head)}", "Plan that one.")
    with open_github(read_network()) as hub:
        terminal.note(reviewed_plan.record_plan(hub, head, plan, here.run, here.run_url))
    return ExitCode.OK
