"""`github fetch-record` and `github push-record`: the record of applies on a branch of the repository."""

from __future__ import annotations

import re

from reconciler.core.text import quote, shorten
from reconciler.errors import ExitCode, UsageError
from reconciler.github import workflow_commands
from reconciler.github.environment import git_remote, read_workflow
from reconciler.record.branch import Author, RecordBranch
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings

_AUTHOR = re.compile(r"([^<>\x00-\x1f\x7f]+) <([^<>\x00-\x20\x7f]+)>")


def run_fetch_record(workspace: Workspace, terminal: Terminal) -> ExitCode:
    """Brings the branch here. Whatever but an answer of the server fails: a history unseen would unlock guards."""
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    branch = settings.record.branch
    if branch is None:
        terminal.note("settings.yaml names no record.branch: what earlier runs did is not known to this one.")
        return ExitCode.OK
    tip = RecordBranch(workspace.state, branch, git_remote()).fetch()
    target = read_workflow().outputs
    if target is not None:
        with target.open("a", encoding="utf-8") as out:
            out.write(workflow_commands.outputs({"branch": branch}))
    terminal.note(f"The record is {branch} at {tip[:12]}." if tip else f"There is no branch {branch} yet: no record.")
    return ExitCode.OK


def run_push_record(workspace: Workspace, author: str, terminal: Terminal) -> ExitCode:
    """Adds what lies in `plans/` to the branch."""
    by = _author(author)
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    branch = settings.record.branch
    if branch is None:
        terminal.note("settings.yaml names no record.branch: nothing was pushed.")
        return ExitCode.OK
    here = read_workflow()
    note = f"Run {here.run}, commit {here.commit}" if here.run and here.commit.isalnum() else "By hand"
    commit = RecordBranch(workspace.state, branch, git_remote()).push(workspace.record, by, note)
    terminal.note(f"The record is {branch} at {commit[:12]}." if commit else f"Nothing is new for {branch}.")
    return ExitCode.OK


def _author(text: str) -> Author:
    found = _AUTHOR.fullmatch(text)
    if found is None:
        raise UsageError(f"--author {quote(shorten(text, 80))} is nobody", "Write it as git does: 'NAME <EMAIL>'.")
    return Author(found[1], found[2])
