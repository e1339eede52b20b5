"""`github fetch-record`: the record branch, as the remote repository has it."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.github.environment import git_remote
from reconciler.record.branch import RecordBranch
from reconciler.session.github_step import report_record_branch
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
    report_record_branch(branch, tip, terminal)
    return ExitCode.OK
