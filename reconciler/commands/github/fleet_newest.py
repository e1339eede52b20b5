"""`github fleet-newest`: the newest commit of the branch, which can switch provisioning off."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github import workflow_commands
from reconciler.github.environment import git_remote, read_workflow
from reconciler.github.newest_commit import fetch_newest_commit
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


def run_fleet_newest(root: Path, terminal: Terminal) -> ExitCode:
    """Fetch the branch from the server, and set the output `commit` of the step; outside of GitHub Actions print it.

    Raises `RepositoryError` unless the server answers: it would not be known whether provisioning is on.
    """
    here = read_workflow()
    commit = fetch_newest_commit(root, here.branch, git_remote(read_network()))
    text = workflow_commands.format_outputs({"commit": commit})
    if here.outputs is None:
        terminal.result(text)
        return ExitCode.OK
    with here.outputs.open("a", encoding="utf-8") as out:
        out.write(text)
    return ExitCode.OK
