"""`github fetch-record`: the record branch, as the remote repository has it."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.environment import git_remote, read_workflow
from reconciler.record.branch import RecordBranch
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings


def run_fetch_record(workspace: Workspace, terminal: Terminal) -> ExitCode:
    """Fetch the branch. Raises unless the server answers: guards would be open without the history."""
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    branch = settings.record.branch
    if branch is None:
        terminal.note("settings.yaml names no record.branch: this run does not know of earlier ones.")
        return ExitCode.OK
    tip = RecordBranch(workspace.state, branch, git_remote(read_network())).fetch()
    target = read_workflow().outputs
    if target is not None:
        with target.open("a", encoding="utf-8") as out:
            out.write(workflow_commands.format_outputs({"branch": branch}))
    terminal.note(f"The record is {branch} at {tip[:12]}." if tip else f"There is no branch {branch} yet: no record.")
    return ExitCode.OK
