"""Compare a reviewed plan with the plan as it is now. Pure."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.plan import Change, Plan
from reconciler.core.plan_id import canonicalize_change

Pair = tuple[Change | None, Change | None]
"""A change in the reviewed plan, and in the plan as it is now; None where it is absent."""


def is_mostly_unchanged(reviewed: Plan, fresh: Plan, pairs: Collection[Pair]) -> bool:
    """Whether the plans differ in single users only: something is left, and at least half of what was reviewed."""
    differing = {new.address for _, new in pairs if new is not None}
    gone = sum(old is not None for old, _ in pairs)
    return any(change.address not in differing for change in fresh.changes) and 2 * gone <= len(reviewed.changes)


def find_differences(reviewed: Plan, fresh: Plan, started: Collection[str]) -> list[Pair]:
    """Return the pairs that differ, by address."""
    then = {change.address: change for change in reviewed.changes}
    now = {change.address: change for change in fresh.changes}
    pairs = [(then.get(address), now.get(address)) for address in sorted(then.keys() | now.keys())]
    return [(old, new) for old, new in pairs if not is_same_change(old, new, started)]


def is_same_change(old: Change | None, new: Change | None, started: Collection[str]) -> bool:
    """Whether both changes are the same, or `new` is the rest of one that has started. `started`: addresses."""
    if old is None:
        return False
    if old.address in started:
        # Done, or cut short: what is left must do the same to the same account.
        return new is None or (new.action, new.live_id, new.after) == (old.action, old.live_id, old.after)
    return new is not None and canonicalize_change(old) == canonicalize_change(new)
