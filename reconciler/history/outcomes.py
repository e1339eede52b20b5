"""The outcome of each edit of the desired state, and the changes that no edit asked for. Pure.

Commits have *edits*: entries of the files (users, groups, mappings, whole documents) before and after. Applies are
*runs*, by their receipts and plans. What an apply corrected although no edit asked for it is drift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.core.field_change import FieldChange
from reconciler.core.plan import NOT_STARTED, Action, ActionReason, Result
from reconciler.core.values import fold_case
from reconciler.git.commit import Commit
from reconciler.history.edits import Edit
from reconciler.record.runs import AppliedChange, ApplyRun


class Cause(StrEnum):
    """Why an apply changed a user although no edit of that user asked for it."""

    DRIFT = "drift corrected"
    DATE = "by date"
    CONFIGURATION = "by scope, mappings or settings"


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """The outcome of an edit: of the first apply that had it, or of a later one that tried again."""

    state: str
    run: ApplyRun | None = None
    applied: AppliedChange | None = None


PENDING = EditOutcome("pending")
NOT_KNOWN = EditOutcome("not known")
"""Of an edit in a shallow clone, whose commit and applies may be older."""

NOT_VALID = EditOutcome("not valid")
"""Of a version of a file that cannot be read: no plan can be made of its commit."""


def name_state(applied: AppliedChange, run: ApplyRun) -> str:
    """Return the state of an edit that `run` has on record as a change."""
    if applied.not_started:
        return NOT_STARTED if run.ended is not None else f"{NOT_STARTED}, or not finished"
    return "applied" if applied.result == Result.DONE else applied.result


def resolve_outcome(keys: Collection[str], position: int | None, runs: Sequence[ApplyRun]) -> EditOutcome:
    """Return the outcome of an edit that was merged at `position`, by `runs`, oldest first."""
    last = PENDING
    for run in runs:
        if position is None or run.position is None or run.position < position:
            continue
        planned = run.find_planned(keys)
        # Users that exchange names have keys in common: the plan says which change is whose.
        found = run.find(keys if planned is None else [fold_case(planned.address)])
        if found is not None:
            last = EditOutcome(name_state(found, run), run, found)
            if found.result == Result.DONE:
                break
        elif last is PENDING and run.converged(keys):
            return EditOutcome("nothing to apply", run)
        elif planned is not None and (last.applied is None or last.applied.not_started):
            last = EditOutcome(name_state(planned, run), run, planned)
    return last


@dataclass(frozen=True, slots=True)
class EditWindow:
    """What was edited between the commits of two applies: fields of users by key, and which other files."""

    fields: Mapping[str, frozenset[str]]
    files: frozenset[str]
    dated: frozenset[str] = frozenset()
    """Keys of users with lifecycle dates."""


@dataclass(frozen=True, slots=True)
class UnrequestedChange:
    """The rows of an applied change that no edit asked for, and why they were made."""

    cause: Cause
    rows: tuple[FieldChange, ...]


def find_unrequested_change(
    applied: AppliedChange, window: EditWindow, inputs: Mapping[str, frozenset[str]]
) -> UnrequestedChange | None:
    """Return the part of a change that no edit in `window` asked for; None if edits asked for all of it.

    `inputs`: the source attributes of each target path.
    """
    edited = frozenset[str]().union(*(window.fields.get(each, frozenset()) for each in applied.keys))
    if applied.reason == ActionReason.INACTIVE_TOO_LONG:
        return UnrequestedChange(Cause.DATE, applied.rows)
    if applied.action != Action.UPDATE:
        dated = bool(window.dated & applied.keys)
        cause = Cause.DATE if dated else Cause.CONFIGURATION if window.files else Cause.DRIFT
        return None if edited else UnrequestedChange(cause, applied.rows)
    rows = tuple(row for row in applied.rows if not inputs.get(row.path, edited) & edited)
    cause = Cause.CONFIGURATION if window.files & {"mappings.yaml", "settings.yaml"} else Cause.DRIFT
    return UnrequestedChange(cause, rows) if rows else None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of the timeline: an edit with its outcome, or a change that no edit asked for.

    `commit` is None if it is not known. Either `edit` or `unrequested_change` is set.
    """

    when: datetime
    commit: Commit | None
    pull_request: str | None
    outcome: EditOutcome
    edit: Edit | None = None
    unrequested_change: UnrequestedChange | None = None

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """What changed."""
        return (
            self.edit.rows
            if self.edit is not None
            else self.unrequested_change.rows
            if self.unrequested_change is not None
            else ()
        )

    @property
    def address(self) -> str:
        """The address of the entry that was edited, or of the account that was changed."""
        if self.edit is not None:
            return self.edit.entity.address
        return self.outcome.applied.address if self.outcome.applied is not None else ""


@dataclass(frozen=True, slots=True)
class MergePoint:
    """Where a commit was merged: the position on the first-parent line, from the first commit on, and its commit."""

    position: int
    commit: str


def find_merge_points(parents: Mapping[str, Sequence[str]], tip: str) -> dict[str, MergePoint]:
    """Return, for each ancestor of `tip`, the commit of the first-parent line that merged it."""
    line = list(_first_parents(parents, tip))
    found: dict[str, MergePoint] = {}
    for position, commit in enumerate(reversed(line)):
        merge_point = MergePoint(position, commit)
        waiting = [commit]
        while waiting:
            each = waiting.pop()
            if each not in found and each in parents:
                found[each] = merge_point
                waiting += parents[each]
    return found


def _first_parents(parents: Mapping[str, Sequence[str]], tip: str) -> Iterator[str]:
    commit: str | None = tip
    while commit is not None and commit in parents:
        yield commit
        commit = next(iter(parents[commit]), None)
