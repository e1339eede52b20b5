"""Accounts that applies left active and that are gone: nearly all of them together, if the connection was cut.

When a directory is disconnected, a service such as Apple's keeps the accounts as manual ones, and shows them over SCIM
no more, or without their externalId.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from reconciler.core.planning.request import LiveState

FEWEST_LOST = 3
"""Fewer accounts may all be deleted at the target; a reader of the plan sees that they are created again."""
_LOST_PERCENT = 90
"""A few accounts may be linked again already, or exist in the other tenant too."""


def find_lost_accounts(recorded: Collection[str], live: LiveState) -> frozenset[str]:
    """Return the ids in `recorded` that are not listed, or are listed without being managed or having an externalId.

    Without those that applies wrote a short while ago, and that the service does not show yet.
    """
    awaited = {each.live_id for each in (*live.awaited.values(), *live.unshown)}
    lost = frozenset(recorded) - awaited - list_linked(live)
    return frozenset(each for each in lost if each not in live.settled) if live.settled.count else lost


def list_linked(live: LiveState) -> set[str]:
    """Return the ids of the listed accounts that are managed, or have an externalId, but for the settled ones."""
    shown = (user for user in live.users if user.id not in live.hidden)
    return {user.id for user in shown if user.managed or user.external_id is not None}


def count_linked(recorded: Collection[str], live: LiveState) -> int:
    """Return how many of the accounts in `recorded` are listed, and are managed or have an externalId."""
    linked = list_linked(live)
    return sum(each in linked or each in live.settled for each in frozenset(recorded))


def are_nearly_all(lost: int, there: int) -> bool:
    """Whether so many accounts are lost, and so few are there, that they were not removed one by one."""
    return lost >= FEWEST_LOST and lost * 100 >= _LOST_PERCENT * (lost + there)


def disbelieve_hidden(recorded: Collection[str], live: LiveState, replaced: Collection[str] = ()) -> LiveState:
    """Return the live state without inactive accounts that the service would hide, if the connection was cut.

    A refused creation (409) looks as if the account on record were inactive and hidden. If nearly all are lost, they
    are manual accounts with other ids. `replaced`: ids of earlier accounts of users who got later ones since.
    """
    lost = find_lost_accounts(recorded, live)
    doubted = (lost | frozenset(replaced)) & live.hidden.keys()
    if not doubted or not are_nearly_all(len(lost), count_linked(recorded, live)):
        return live
    hidden = {live_id: since for live_id, since in live.hidden.items() if live_id not in doubted}
    return replace(live, users=[user for user in live.users if user.id not in doubted], hidden=hidden)
