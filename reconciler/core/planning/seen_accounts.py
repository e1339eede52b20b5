"""Which accounts the users have, for the record: applies that change nothing about an account do not name it otherwise.

Without this, a tenant whose accounts were there before the first apply has no accounts that could be lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from heapq import nsmallest

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.planning.lost_accounts import (
    are_nearly_all,
    count_linked,
    find_lost_accounts,
    list_linked,
)
from reconciler.core.planning.request import LiveState, PlanRequest

MOST_SEEN = 1_000
"""Accounts that one apply notes. Of more, a sample: enough to tell nearly all from many."""
_CHANGED = 10
"""One in so many of the accounts may be unknown to the record, or known and no longer there, before they are noted."""


def note_seen(
    pairs: Iterable[tuple[DesiredUser, LiveUser | None]], live: LiveState, request: PlanRequest, *, changes: bool
) -> tuple[str, ...] | None:
    """Return the ids of the accounts that an apply notes; None: the record says enough, or it cannot be judged.

    `pairs`: as matched. `changes`: the plan has some. Without, accounts that are lost are not forgotten: only an
    approval of the guard `disconnect` may do that.
    """
    if request.seen is None or request.unseen is not None or live.problem is not None:
        return None
    lost = find_lost_accounts(request.recorded, live)
    if not changes and are_nearly_all(len(lost), count_linked(request.recorded, live)):
        return None
    found = {
        account.id
        for user, account in pairs
        if account is not None and user.verdict.in_scope and account.active and account.external_id is not None
    }
    chosen = choose_seen([*(found & list_linked(live)), *live.settled.list_ids()])
    unknown, missing = len(chosen - frozenset(request.recorded)), len(frozenset(request.seen) - chosen)
    new = unknown > 0 and unknown * _CHANGED >= len(chosen)
    old = missing > 0 and missing * _CHANGED >= len(request.seen)
    return tuple(sorted(chosen)) if new or old else None


def choose_seen(ids: Collection[str]) -> frozenset[str]:
    """Return the ids, each of which comes once, or a sample that stays nearly the same while accounts come and go."""
    return frozenset(ids if len(ids) <= MOST_SEEN else nsmallest(MOST_SEEN, ids, key=_digest))


def _digest(live_id: str) -> bytes:
    return sha256(live_id.encode("utf-8", "surrogatepass")).digest()
