"""Which changes make an account another user's, by its userName and the full name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.plan import Action, Change
from reconciler.core.planning.full_names import FAMILY, GIVEN, fold_full_name
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.limits import reactivates
from reconciler.core.planning.guards.takeovers import (
    find_day_takeovers,
    find_live,
    find_new_name,
    find_planned_takeovers,
    identify,
    list_existing,
    merge_recent,
)
from reconciler.core.values import fold_case

_GUARD = "identity-changes"
_NAMES = frozenset({GIVEN, FAMILY})
_IDENTITY = _NAMES | {"userName"}
_REWRITING = frozenset({Action.UPDATE, Action.REACTIVATE})


@dataclass(frozen=True, slots=True)
class IdentityChanges:
    """The changes that make an account another user's; `earlier`: the accounts of the last 24 hours that count too."""

    changes: list[Change]
    earlier: int = 0


def find_identity_changes(context: GuardContext) -> IdentityChanges:
    """Find the accounts that become another user's.

    Such a change replaces userName, givenName and familyName; of an adoption, which matches by userName, both names. Or
    it takes userName and full name of another account, or activates an account with another userName and full name.
    Both names of other active accounts count from two accounts on: one may be a namesake. What applies changed in the
    last 24 hours counts as if this plan did.
    """
    changes = [change for change in context.chosen if change.live_id is not None and _touches_identity(change)]
    if not changes:
        return IdentityChanges([])
    attributes = _index_recent_attributes(context)
    found = [change for change in changes if _replaces_identity(change, attributes.get(identify(change), frozenset()))]
    found += _find_revived(changes, context)
    found += _find_handovers(changes, context)
    namesakes, earlier = _find_namesakes(changes, context, attributes)
    found += namesakes
    earlier |= {account for account, changed in attributes.items() if changed >= _IDENTITY}
    return IdentityChanges(found, len(earlier - {identify(change) for change in found}) if found else 0)


def _touches_identity(change: Change) -> bool:
    """Whether a change renames or activates an account, or changes its full name."""
    renames = find_new_name(change) is not None or reactivates(change)
    return renames or fold_full_name(change.before) != fold_full_name(change.after)


# --- userName, given and family name ----------------------------------------------


def _replaces_identity(change: Change, recent: frozenset[str]) -> bool:
    replaced = _find_replaced(change)
    if change.action is Action.ADOPT and replaced >= _NAMES:
        return True
    return bool(replaced) and replaced | recent >= _IDENTITY


def _find_replaced(change: Change) -> frozenset[str]:
    return frozenset(path for path in _IDENTITY if _replaces(change, path))


def _replaces(change: Change, path: str) -> bool:
    """Whether a change replaces a value by a really different one: not only in its case or Unicode form."""
    before, after = change.before.get(path), change.after.get(path)
    return bool(before and after) and fold_case(str(before)) != fold_case(str(after))


def _index_recent_attributes(context: GuardContext) -> Mapping[str, frozenset[str]]:
    """Index the attributes that updates of the last 24 hours changed, without those that were approved."""
    updates = (change for change in context.recent if change.action in _REWRITING)
    return {account: change.attributes for account, change in merge_recent(updates, _GUARD).items()}


# --- deactivated accounts ---------------------------------------------------------


def _find_revived(changes: Sequence[Change], context: GuardContext) -> list[Change]:
    """Find deactivated accounts that become active with another userName and another full name.

    A leaver who comes back has at least one of them; a user who gets the account of a leaver has neither.
    """
    recent = merge_recent(_list_since_inactive(context.recent), _GUARD)
    return [change for change in changes if _revives_as_another(change, recent.get(identify(change)))]


def _list_since_inactive(recent: Iterable[RecentChange]) -> Iterator[RecentChange]:
    """Yield the changes of each account from the first one on that found it inactive."""
    inactive: set[str | None] = set()
    for change in recent:
        if not change.was_active:
            inactive.add(change.live_id)
        if change.live_id in inactive:
            yield change


def _revives_as_another(change: Change, earlier: RecentChange | None) -> bool:
    user_name, full_name = fold_case(str(change.before.get("userName", ""))), fold_full_name(change.before)
    if reactivates(change) and _names_another(change, user_name, full_name):
        return True
    if earlier is None or not (earlier.reactivated or reactivates(change)):
        return False
    return _names_another(change, next(iter(earlier.user_names), user_name), next(iter(earlier.full_names), full_name))


def _names_another(change: Change, user_name: str, full_name: str) -> bool:
    """Whether the account ends with another userName and another full name than these."""
    return fold_case(str(change.after.get("userName", ""))) != user_name and fold_full_name(change.after) != full_name


# --- names of other accounts ------------------------------------------------------


def _find_handovers(changes: Sequence[Change], context: GuardContext) -> list[Change]:
    """Find accounts that take the userName of another account, and with it the full name.

    Two namesakes who exchange their user names, and two users who keep their own names, are none.
    """
    planned, day = find_planned_takeovers(context.chosen), find_day_takeovers(context, _GUARD)
    takers = [change for change in changes if identify(change) in planned or identify(change) in day]
    if not takers:
        return []
    holders = {account for taken in (planned, day) for found in taken.values() for account in found}
    today = _find_full_names(context, holders)
    recent = merge_recent(context.recent, _GUARD)
    had: dict[str, set[str]] = {}
    for each in context.recent:
        if each.live_id in holders:
            had.setdefault(each.live_id, set()).update(each.full_names)

    def takes_full_name(change: Change) -> bool:
        account, before, after = identify(change), fold_full_name(change.before), fold_full_name(change.after)
        first = next(iter(recent[account].full_names), before) if account in recent else before
        now = after != before and any(after == today.get(other) for other in planned.get(account, ()))
        lately = after != first and any(
            after == today.get(other) or after in had.get(other, ()) for other in day.get(account, ())
        )
        return bool(after) and (now or lately)

    return [change for change in takers if takes_full_name(change)]


def _find_full_names(context: GuardContext, accounts: set[str]) -> Mapping[str, str]:
    """Return the full names that accounts have today."""
    names = {account: fold_full_name(user.attributes) for account, user in find_live(context, accounts).items()}
    planned = {identify(change): fold_full_name(change.before) for change in context.chosen}
    return {**names, **{account: name for account, name in planned.items() if account in accounts}}


def _find_namesakes(
    changes: Sequence[Change], context: GuardContext, attributes: Mapping[str, frozenset[str]]
) -> tuple[list[Change], set[str]]:
    """Find the accounts that get both names of other active accounts, if there are two or more.

    Returns the changes, and the accounts that got them within the last 24 hours. A name counts as that of each account
    that has it today, or had it then.
    """
    takers = [change for change in changes if _replaces_both(change, attributes.get(identify(change), frozenset()))]
    recent = {account for account, changed in attributes.items() if changed >= _NAMES}
    recent -= {identify(change) for change in takers}
    if not takers or len(takers) + len(recent) == 1:
        return [], set()
    owners = _index_owners(context)
    found = [change for change in takers if _has_other(owners, fold_full_name(change.after), identify(change))]
    before = merge_recent(context.recent, _GUARD)
    earlier = {
        account
        for account, user in find_live(context, recent).items()
        if (name := fold_full_name(user.attributes)) not in before[account].full_names[:1]
        and _has_other(owners, name, account)
    }
    return (found, earlier) if found and len(found) + len(earlier) > 1 else ([], set())


def _replaces_both(change: Change, recent: frozenset[str]) -> bool:
    replaced = _find_replaced(change) & _NAMES
    return bool(replaced) and replaced | recent >= _NAMES


def _index_owners(context: GuardContext) -> Mapping[str, set[str]]:
    owners: dict[str, set[str]] = {}
    for user in context.managed:
        if user.active:
            owners.setdefault(fold_full_name(user.attributes), set()).add(user.id)
    for account, change in list_existing(context):
        for name in filter(None, change.full_names):
            owners.setdefault(name, set()).add(account)
    return owners


def _has_other(owners: Mapping[str, set[str]], name: str, account: str) -> bool:
    found = owners.get(name, set())
    return len(found) > (account in found)
