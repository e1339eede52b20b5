"""`github fleet-newest`: the newest commit of the branch, which can switch provisioning off."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.github.environment import git_remote, read_workflow
from reconciler.github.newest_commit import fetch_newest_commit
from reconciler.session.github_step import print_outputs
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


def run_fleet_newest(root: Path, terminal: Terminal) -> ExitCode:
    """Fetch the branch from the server, and set the output `commit` of the step; outside of GitHub Actions print it.

    Raises `RepositoryError` unless the server answers: it would not be known whether provisioning is on.
    """
    here = read_workflow()
    commit = fetch_newest_commit(root, here.branch, git_remote(read_network()))
    print_outputs({"commit": commit}, terminal)
    return ExitCode.OK
