"""Which accounts take a user name that another account has today, or had within the last 24 hours by the record.

An account is named by its live id; one that is created by its address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.full_names import fold_full_name
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.temporary_names import begins_exchange, continues_exchange
from reconciler.core.values import fold_case

Takeovers = Mapping[str, frozenset[str]]
"""By account: those whose name it takes."""

_MOST_CONTINUED = 20
"""Accounts whose temporary names are compared with all names. An apply that is cut short leaves one or a few."""


def identify(change: Change) -> str:
    """Return what names the account of a change."""
    return change.live_id or change.address


def find_new_name(change: Change) -> str | None:
    """Return the folded user name that a create or a rename takes, if any."""
    before, after = (fold_case(str(side.get("userName", ""))) for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None


def find_planned_takeovers(changes: Sequence[Change]) -> Takeovers:
    """Find the takeovers of names that accounts have today.

    A name whose holder keeps it is a conflict before any guard is evaluated.
    """
    holders = {fold_case(str(change.before["userName"])): change for change in changes if change.before.get("userName")}
    takeovers: dict[str, frozenset[str]] = {}
    for change in changes:
        holder = holders.get(find_new_name(change) or "")
        if holder is not None and holder.live_id != change.live_id:
            takeovers[identify(change)] = frozenset({identify(holder)})
    return takeovers


def find_continued(context: GuardContext) -> frozenset[str]:
    """Find the accounts that end an exchange of names that was cut short: its guards were evaluated when it began."""
    begun = [change for change in context.chosen if begins_exchange(change)][:_MOST_CONTINUED]
    if not begun:
        return frozenset()
    names = {name for change in context.chosen if (name := find_new_name(change))}
    names |= {fold_case(user.user_name) for user in chain(context.live, context.settled.list_users())}
    return frozenset(identify(change) for change in begun if continues_exchange(change, names))


def find_day_takeovers(context: GuardContext, guard: str) -> Takeovers:
    """Find the takeovers of the plan and of the last 24 hours together, less those that an approval of `guard` lifted.

    Only how a name was at the beginning and is at the end counts, so the name an account began with is its own.
    """
    if not context.recent:
        return {}
    holders = _index_holders(context)
    takeovers: dict[str, frozenset[str]] = {}
    for account, name, first in _list_renames(context, merge_recent(context.recent, guard)):
        others = frozenset(holders.get(name, set()) - {account})
        if others and name != first:
            takeovers[account] = others
    return takeovers


def _index_holders(context: GuardContext) -> Mapping[str, set[str]]:
    """Index the accounts that have a name today, if the plan changes them, or had it within the last 24 hours."""
    holders: dict[str, set[str]] = {}
    for change in context.chosen:
        if name := change.before.get("userName"):
            holders.setdefault(fold_case(str(name)), set()).add(identify(change))
    for account, recent in list_existing(context):
        for name in filter(None, recent.user_names):
            holders.setdefault(name, set()).add(account)
    return holders


def list_existing(context: GuardContext) -> Iterator[tuple[str, RecentChange]]:
    """Yield the recent changes of accounts that exist, with their ids: the names of a deleted account are free."""
    changed = {change.live_id for change in context.recent}
    existing = {user.id for user in context.live if user.id in changed}
    for change in context.recent:
        if change.live_id is not None and change.live_id in existing:
            yield change.live_id, change


def _list_renames(context: GuardContext, recent: Mapping[str, RecentChange]) -> Iterator[tuple[str, str, str | None]]:
    """Yield each renamed account with its name after the plan, and the one 24 hours ago if the record has it."""
    planned = {identify(change): name for change in context.chosen if (name := find_new_name(change))}
    for account, name in planned.items():
        before = recent[account].user_names if account in recent else ()
        yield account, name, before[0] if before else None
    renamed = {key for key, change in recent.items() if "userName" in change.attributes and key not in planned}
    for account, user in find_live(context, renamed).items():
        before = recent[account].user_names
        yield account, fold_case(user.user_name), before[0] if before else None


def merge_recent(changes: Iterable[RecentChange], guard: str) -> Mapping[str, RecentChange]:
    """Merge the changes of each account, by its live id, without those that an approval of `guard` lifted."""
    by_account: dict[str, list[RecentChange]] = {}
    for change in changes:
        if change.live_id is not None and guard not in change.lifted:
            by_account.setdefault(change.live_id, []).append(change)
    return {account: _merge(found) if len(found) > 1 else found[0] for account, found in by_account.items()}


def _merge(changes: Sequence[RecentChange]) -> RecentChange:
    return replace(
        changes[-1],
        reactivated=any(change.reactivated for change in changes),
        attributes=frozenset(chain.from_iterable(change.attributes for change in changes)),
        user_names=tuple(chain.from_iterable(change.user_names for change in changes)),
        full_names=tuple(chain.from_iterable(change.full_names for change in changes)),
    )


def find_live(context: GuardContext, accounts: set[str]) -> Mapping[str, LiveUser]:
    """Find live accounts by their ids."""
    return {user.id: user for user in context.live if user.id in accounts} if accounts else {}


def find_full_names(context: GuardContext, accounts: set[str]) -> Mapping[str, str]:
    """Return the folded full names that accounts have today; "": none is known."""
    names = {account: fold_full_name(user.attributes) for account, user in find_live(context, accounts).items()}
    planned = {identify(change): fold_full_name(change.before) for change in context.chosen}
    return {**names, **{account: name for account, name in planned.items() if account in accounts}}


def find_named(context: GuardContext, takeovers: Takeovers) -> Takeovers:
    """Find the takeovers by accounts whose full names are known. Without them, it is not known whose they become."""
    names = find_full_names(context, set(takeovers))
    return {account: taken for account, taken in takeovers.items() if names.get(account)}


def find_swap(takeovers: Takeovers, planned: Iterable[str] = ()) -> frozenset[str]:
    """Return two accounts that exchange their names, rather such that are not `planned`; empty if none do."""
    now = set(planned)
    for account in sorted(takeovers, key=lambda each: (each in now, each)):
        for other in sorted(takeovers[account]):
            if account in takeovers.get(other, ()):
                return frozenset({account, other})
    return frozenset()
