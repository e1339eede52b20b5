"""A checkout that is older than what was applied: a plan of it would undo the later commits."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import RepositoryError, StalePlanError
from reconciler.git.commits import Commits
from reconciler.git.repository import explain_missing_commit
from reconciler.history.drift import describe_run
from reconciler.history.yaml_entries import detect_kind
from reconciler.record.runs import ApplyRun
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace

_LOOKED_AT = 20
"""Applied commits that are compared, newest first."""
_WAY_OUT = (
    "Nothing was changed: this checkout is older and would undo that commit. Run `git pull`, then the same command\n"
    "again. To undo a commit on purpose, revert it with `git revert` or `reconciler rollback`."
)


def refuse_older_checkout(workspace: Workspace, runs: Sequence[ApplyRun]) -> None:
    """Raise `StalePlanError` if a later commit than the one that is checked out has been applied."""
    found = find_later_commit(workspace, runs)
    if found is not None:
        raise StalePlanError(_describe(found), _WAY_OUT)


def note_older_checkout(workspace: Workspace, runs: Sequence[ApplyRun], terminal: Terminal) -> None:
    """Print a note if a later commit than the one that is checked out has been applied: a plan may still be made."""
    found = find_later_commit(workspace, runs)
    if found is not None:
        terminal.note(f"This checkout is older than what was applied: {_describe(found)}. `apply` refuses to undo it.")


def _describe(run: ApplyRun) -> str:
    return f"the later commit {(run.commit or '')[:12]} has been applied ({describe_run(run)})"


def find_later_commit(workspace: Workspace, runs: Sequence[ApplyRun]) -> ApplyRun | None:
    """Return the newest apply of a commit that descends from HEAD and has another desired state.

    None if there is none, or no git repository. `runs`: oldest first. Commits that are not in this clone are ignored.
    """
    commits = {run.commit: run for run in runs if run.commit is not None and run.took_effect}
    if workspace.sandbox or not commits:
        return None
    applied = sorted(commits.values(), key=lambda run: run.began, reverse=True)[:_LOOKED_AT]
    if _are_earlier(workspace, applied):
        return None
    known = [run for run in applied if explain_missing_commit(workspace.state, run.commit or "") is None]
    try:
        with Commits(workspace.state) as repository:
            head = repository.resolve("HEAD")
            return next((run for run in known if _is_later(repository, head, run.commit or "")), None)
    except RepositoryError:
        return None


def _are_earlier(workspace: Workspace, runs: Sequence[ApplyRun]) -> bool:
    """Whether all of the commits are in the history of HEAD, as nearly always: git is asked once for all of them.

    False also if one of them is not in this clone.
    """
    try:
        with Commits(workspace.state) as repository:
            return repository.has_in_history(repository.resolve("HEAD"), [run.commit or "" for run in runs])
    except RepositoryError:
        return False


def _is_later(repository: Commits, head: str, commit: str) -> bool:
    if commit == head or not repository.is_ancestor(head, commit):
        return False
    return any(detect_kind(change.name) for change in repository.compare(head, commit))
