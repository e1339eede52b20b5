"""Where an incremental plan starts: the last apply on record that left no user open, and what changed in git since."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reconciler import __version__
from reconciler.core.plan import Plan
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.desired.changed_entries import (
    MOST_BYTES,
    ChangedEntries,
    EarlierFiles,
    list_passed_days,
)
from reconciler.desired.layout import is_read
from reconciler.desired.loader import BrokenState, DesiredState, prepare_directory
from reconciler.desired.state_digest import compute_digest
from reconciler.errors import FullPlanNeededError, RepositoryError
from reconciler.git.blobs import CommitFiles, compute_blob_id
from reconciler.git.repository import explain_missing_commit
from reconciler.record.runs import ApplyRun, SettledPlan
from reconciler.scim.targeted_read import IDENTIFYING
from reconciler.session.workspace import Workspace, approval_date

OLDEST_READ = timedelta(days=7)
"""How old the last read of all users may be."""
_REST_CHANGED = (
    "settings, scope, groups or mappings changed since the last complete apply; the next complete apply is a new start"
)
_NOT_COMMITTED = (
    "the last complete apply was of edits that are not in its commit; commit first, then apply all users again"
)
DUE = timedelta(days=5)
"""How old it is when an apply that has nothing to do is recorded."""


@dataclass(frozen=True, slots=True)
class IncrementalStart:
    """The apply that an incremental plan starts from: its run, its commit, and what its plan settled."""

    run: ApplyRun
    commit: str
    settled: SettledPlan


def find_start(workspace: Workspace, runs: Sequence[ApplyRun]) -> IncrementalStart:
    """Return the last apply that left no user open. `runs`: to the target, oldest first.

    Raises `FullPlanNeededError` if there is none to rely on.
    """
    index = next((n for n in reversed(range(len(runs))) if runs[n].settled is not None and runs[n].successful), None)
    if index is None:
        raise FullPlanNeededError("no apply on record left all users as desired and noted it")
    run, settled = runs[index], runs[index].settled
    if settled is None or run.commit is None or run.config_digest is None:
        raise FullPlanNeededError("the last complete apply has no commit on record")
    if settled.version != __version__:
        raise FullPlanNeededError("the last complete apply was made by another version")
    if settled.at > workspace.now + CLOCK_TOLERANCE or settled.population.at > workspace.now + CLOCK_TOLERANCE:
        raise FullPlanNeededError("the last complete apply was planned for a later time")
    if workspace.now - settled.population.at > OLDEST_READ:
        raise FullPlanNeededError(f"all users were read more than {OLDEST_READ.days} days ago")
    if any(each.requests for each in runs[index + 1 :]):
        # What they did to users must not be taken for what the start left, of the same files either: they may have
        # been made for another day (`--now`).
        raise FullPlanNeededError("an apply failed since, was stopped, or was of some users")
    return IncrementalStart(run, run.commit, settled)


def is_due(plan: Plan, runs: Sequence[ApplyRun]) -> bool:
    """Whether an apply without changes is to be recorded, so that incremental plans have where to start."""
    if plan.population is None or plan.commit is None:
        return False
    last = max((run.settled.population.at for run in runs if run.settled is not None), default=None)
    return last is None or plan.created_at - last > DUE


def load_changed(workspace: Workspace, start: IncrementalStart) -> tuple[DesiredState, ChangedEntries]:
    """Load the desired state with only the users whose entries changed since `start`, or whose dates passed.

    Raises `FullPlanNeededError` if they cannot be known for certain, and if the desired state has an error.
    """
    try:
        files = CommitFiles(workspace.state, start.commit)
        ids = {name: blob for name, blob in files.ids.items() if is_read(name)}
        earlier = EarlierFiles(
            {name: blob for name, blob in ids.items() if name.startswith("users/")},
            lambda names: files.read(names, MOST_BYTES),
            lambda content, blob: compute_blob_id(content, blob) == blob,
        )
        passed = list_passed_days(start.settled.at.date(), workspace.now.date())
        directory = ChangedEntries(workspace.state, earlier=earlier, passed=passed)
        found = prepare_directory(directory, workspace.now, approval_date(workspace))
        state = found if isinstance(found, BrokenState) else found.load(checked_out=True)
    except RepositoryError as exc:
        raise FullPlanNeededError(_explain_unreadable(workspace, start.commit, exc)) from exc
    if isinstance(state, BrokenState):
        # With all users it has the same errors and perhaps more, or others explain it.
        raise FullPlanNeededError("the desired state has errors")
    _check_rest(start, state, directory, files)
    return state, directory


def _explain_unreadable(workspace: Workspace, commit: str, exc: RepositoryError) -> str:
    missing = explain_missing_commit(workspace.state, commit)
    why = f"commit {commit[:12]} {missing}" if missing is not None else f"{exc.summary}. {exc.detail}"
    return f"git cannot show the last complete apply's files: {why}"


def _check_rest(start: IncrementalStart, state: DesiredState, directory: ChangedEntries, files: CommitFiles) -> None:
    """Check that the other files, the settings, and the old files of users are those of the apply: by its digest."""
    if directory.settings is None or compute_digest(directory.list_earlier_digests(), directory.settings.value) != (
        start.run.config_digest
    ):
        raise FullPlanNeededError(_NOT_COMMITTED if _has_same_rest(directory, files) else _REST_CHANGED)
    if state.unseen is not None:
        raise FullPlanNeededError("files of users may be missing")
    _check_mappings(state, directory)
    if directory.passed and state.rules.use_today:
        raise FullPlanNeededError("a scoping filter reads the date, which is another one now")


def _has_same_rest(directory: ChangedEntries, files: CommitFiles) -> bool:
    """Whether the files outside of users/ are those of the last complete apply's commit."""
    names = [name for name in files.ids if is_read(name) and not name.startswith("users/")]
    try:
        before = {name: hashlib.sha256(found).hexdigest() for name, found in files.read(names, MOST_BYTES).items()}
    except RepositoryError:
        return False
    here = {name: each for name, each in directory.digests.items() if is_read(name) and not name.startswith("users/")}
    return before == here


def _check_mappings(state: DesiredState, directory: ChangedEntries) -> None:
    """Check that users are distinguished by values that are written in their entries."""
    rows = {row.target: row for row in state.mappings}
    if any(row.uses_now for row in state.mappings):
        raise FullPlanNeededError("a mapping reads the clock")
    if any(row.match and row.target not in IDENTIFYING for row in state.mappings):
        raise FullPlanNeededError("users are matched by other attributes than externalId and userName")
    for target in IDENTIFYING:
        row = rows.get(target)
        if row is None or row.direct not in directory.identifying or row.default is not None or row.unique or row.once:
            raise FullPlanNeededError(f"{target} is not a value that users have in their entries")
