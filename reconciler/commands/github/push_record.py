"""`github push-record`: plans and receipts of this run, on the record branch."""

from __future__ import annotations

import re

from reconciler.core.text import quote, shorten
from reconciler.errors import ExitCode, UsageError
from reconciler.git.server import Author
from reconciler.github.environment import git_remote, read_workflow
from reconciler.record.branch import RecordBranch
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings

_AUTHOR = re.compile(r"([^<>\x00-\x1f\x7f]+) <([^<>\x00-\x20\x7f]+)>")


def run_push_record(workspace: Workspace, author: str, terminal: Terminal) -> ExitCode:
    """Add the content of `plans/` to the branch and push it."""
    by = parse_author(author)
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    branch = settings.record.branch
    if branch is None:
        terminal.note("settings.yaml names no record.branch: nothing was pushed.")
        return ExitCode.OK
    here = read_workflow()
    note = f"Run {here.run}, commit {here.commit}" if here.run and here.commit.isalnum() else "Manual push"
    commit = RecordBranch(workspace.state, branch, git_remote(read_network())).push(workspace.record, by, note)
    terminal.note(f"The record is {branch} at {commit[:12]}." if commit else f"Nothing is new for {branch}.")
    return ExitCode.OK


def parse_author(text: str) -> Author:
    """Return the author of commits that an option names. Raises `UsageError`."""
    found = _AUTHOR.fullmatch(text)
    if found is None:
        raise UsageError(f"--author {quote(shorten(text, 80))} is not an author", "Use git's form: 'NAME <EMAIL>'.")
    return Author(found[1], found[2])
