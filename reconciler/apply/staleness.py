from __future__ import annotations

from collections.abc import Collection

from reconciler.core.plan import Change, Plan
from reconciler.core.plan_id import canonicalize_change

Pair = tuple[Change | None, Change | None]
"""A change as it was reviewed, and as it would be made now; None: not at all."""


def mostly_the_same(reviewed: Plan, fresh: Plan, pairs: Collection[Pair]) -> bool:
    """Whether something is left to do, and at least half of what was reviewed is: else it is not about single users."""
    changed = {new.address for _, new in pairs if new is not None}
    gone = sum(old is not None for old, _ in pairs)
    return any(change.address not in changed for change in fresh.changes) and 2 * gone <= len(reviewed.changes)


def differences(reviewed: Plan, fresh: Plan, started: Collection[str]) -> list[Pair]:
    """Pairs of changes that are not the same."""
    then = {change.address: change for change in reviewed.changes}
    now = {change.address: change for change in fresh.changes}
    pairs = [(then.get(address), now.get(address)) for address in sorted(then.keys() | now.keys())]
    return [(old, new) for old, new in pairs if not agree(old, new, started)]


def agree(old: Change | None, new: Change | None, started: Collection[str]) -> bool:
    """Whether both changes are the same, or the rest of one that has started."""
    if old is None:
        return False
    if old.address in started:
        # Done, or cut short: what is left of it must be the same thing done to the same account.
        return new is None or (new.action, new.live_id, new.after) == (old.action, old.live_id, old.after)
    return new is not None and canonicalize_change(old) == canonicalize_change(new)
