"""Merges that were never applied: the record compared with git."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.desired.loader import DesiredState
from reconciler.errors import RepositoryError
from reconciler.git.commits import Commits
from reconciler.git.repository import explain_missing_commit
from reconciler.history.unapplied import (
    UnappliedCommit,
    UnappliedCommits,
    find_last_complete,
    find_last_incremental,
)
from reconciler.history.yaml_entries import detect_kind
from reconciler.record.runs import ApplyRun
from reconciler.session.baseline import load_state_at
from reconciler.session.workspace import Workspace

_LISTED = 20
"""Commits that are looked at one by one."""


def find_unapplied_commits(
    workspace: Workspace, runs: Sequence[ApplyRun], ref: str = "HEAD"
) -> UnappliedCommits | None:
    """Return the commits of `ref` that changed the desired state after the last complete apply.

    None: no complete apply of a commit is on record. `runs`: oldest first.
    """
    last = find_last_complete(runs)
    if last is None or last.commit is None:
        return None
    missing = explain_missing_commit(workspace.state, last.commit)
    if missing is not None:
        return UnappliedCommits(last, why=f"commit {last.commit[:12]} of the last complete apply {missing}")
    try:
        with Commits(workspace.state) as repository:
            found = _list_unapplied(repository, workspace, last, repository.resolve(ref))
            return replace(found, incremental=find_last_incremental(runs))
    except RepositoryError as exc:
        return UnappliedCommits(last, why=exc.summary)


def find_unapplied_merges(workspace: Workspace, runs: Sequence[ApplyRun]) -> UnappliedCommits | None:
    """Return the same for the default branch as last fetched, so that commits of a feature branch are left out."""
    last = find_last_complete(runs)
    try:
        with Commits(workspace.state) as repository:
            tip = repository.resolve("refs/remotes/origin/HEAD")
            known = last is not None and last.commit is not None and repository.is_ancestor(last.commit, tip)
    except RepositoryError:
        known = False
    return find_unapplied_commits(workspace, runs, "refs/remotes/origin/HEAD" if known else "HEAD")


def _list_unapplied(repository: Commits, workspace: Workspace, last: ApplyRun, tip: str) -> UnappliedCommits:
    commit = last.commit or ""
    if not repository.is_ancestor(commit, tip):
        where = "this shallow clone" if repository.shallow else "the history that is checked out"
        return UnappliedCommits(last, why=f"commit {commit[:12]} of the last complete apply is not in {where}")
    changed = any(detect_kind(change.name) for change in repository.compare(commit, tip))
    if not changed or _is_state_of(last, workspace, tip):
        return UnappliedCommits(last)
    nodes = repository.read_first_parents(commit, tip)
    listed = [node for node in nodes[:_LISTED] if _changes_state(repository, node.parents, node.id)]
    found = [UnappliedCommit(node.id, node.time, repository.read_commit(node.id).pull_request) for node in listed]
    return UnappliedCommits(last, tuple(found), len(nodes[_LISTED:]))


def _changes_state(repository: Commits, parents: Sequence[str], commit: str) -> bool:
    return not parents or any(detect_kind(change.name) for change in repository.compare(parents[0], commit))


def _is_state_of(run: ApplyRun, workspace: Workspace, tip: str) -> bool:
    """Whether an apply was of the same desired state: its files were committed after it."""
    state = load_state_at(workspace, tip, workspace.now)
    return isinstance(state, DesiredState) and state.digest == run.config_digest
