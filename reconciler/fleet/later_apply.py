"""A commit that was applied after the one that is checked out: to apply this one would undo the later one."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import RepositoryError, UsageError
from reconciler.fleet.affected import find_different
from reconciler.fleet.applied import AppliedFleet, read_applied
from reconciler.fleet.model import Fleet
from reconciler.git.repository import find_head_commit, find_merge_base


@dataclass(frozen=True, slots=True)
class LaterApply:
    """`applied`: what is on record. `different`: the tenants that are resolved from other files there than here."""

    applied: AppliedFleet
    different: frozenset[str]


def find_later_apply(fleet: Fleet) -> LaterApply | None:
    """Return the apply of a commit that descends from HEAD; None if the record names none, or one that is not here.

    Raises `PlanFileError` if applied.json is none of ours.
    """
    applied, head = read_applied(fleet.root), find_head_commit(fleet.root)
    if applied is None or head is None or applied.commit == head:
        return None
    try:
        base = find_merge_base(fleet.root, applied.commit)
    except (RepositoryError, UsageError):
        return None
    return LaterApply(applied, find_different(fleet, applied.commit)) if base == head else None
