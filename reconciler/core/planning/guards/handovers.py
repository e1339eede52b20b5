"""Which changes make an account another user's, by its userName and the full name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.plan import Change
from reconciler.core.planning.full_names import fold_full_name
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.limits import reactivates
from reconciler.core.planning.guards.replacements import (
    IDENTITY,
    LINKING,
    NAMES,
    RecentUpdates,
    changes_full_name,
    find_replaced,
    find_replaced_since,
    index_recent_updates,
    lacks_names,
    without_filled_in,
)
from reconciler.core.planning.guards.takeovers import (
    find_day_takeovers,
    find_full_names,
    find_live,
    find_new_name,
    find_planned_takeovers,
    identify,
    list_existing,
    merge_recent,
)
from reconciler.core.values import fold_case

_GUARD = "identity-changes"


@dataclass(frozen=True, slots=True)
class IdentityChanges:
    """The changes that make an account another user's; `earlier`: the accounts of the last 24 hours that count too.

    `reasons`: what makes them look so, for the reader; none if all get names that another account has.
    """

    changes: list[Change]
    earlier: int = 0
    reasons: tuple[str, ...] = ()


def find_identity_changes(context: GuardContext) -> IdentityChanges:
    """Find the accounts that become another user's.

    Such a change replaces userName, givenName and familyName; of an adoption, which matches by userName, both names. Or
    it takes userName and full name of another account, or activates an account with both names replaced, or with
    another userName and full name. Both names of other active accounts count from two accounts on: one may be a
    namesake. What applies changed in the last 24 hours counts as if this plan did.
    """
    changes = [change for change in context.chosen if change.live_id is not None and _touches_identity(change)]
    if not changes:
        return IdentityChanges([])
    recent = index_recent_updates(context, _GUARD)
    rewritten = [change for change in changes if _replaces_identity(change, recent)]
    revived = _find_revived(changes, context)
    namesakes, earlier = _find_namesakes(changes, context, recent)
    taken = _find_handovers(changes, context) + namesakes
    found = rewritten + revived + taken
    earlier |= recent.find_rewritten(IDENTITY, context.live)
    earlier |= recent.find_rewritten(NAMES, context.live) & recent.adopted
    left = len(earlier - {identify(change) for change in found}) if found else 0
    return IdentityChanges(found, left, _explain(rewritten, revived, taken, recent))


def _explain(
    rewritten: Sequence[Change], revived: Sequence[Change], taken: Sequence[Change], recent: RecentUpdates
) -> tuple[str, ...]:
    """Say what makes accounts look like another user's, once each; of those that get another's names that alone."""
    known = {identify(change) for change in taken}
    reasons = {identify(change): "an account that was deactivated gets another name" for change in revived}
    for change in rewritten:
        reasons.setdefault(identify(change), _explain_rewritten(change, recent))
    others = {reason for account, reason in reasons.items() if account not in known}
    if others and known:
        others.add("another account has the names")
    return tuple(sorted(others))


def _touches_identity(change: Change) -> bool:
    """Whether a change renames or activates an account, or changes its full name."""
    return find_new_name(change) is not None or reactivates(change) or changes_full_name(change)


# --- userName, given and family name ----------------------------------------------


def _replaces_identity(change: Change, recent: RecentUpdates) -> bool:
    replaced = recent.find_replaced(change)
    if change.action in LINKING or change.live_id in recent.adopted:
        return replaced >= NAMES and not _shows_user_name(change)
    return replaced >= IDENTITY


def _explain_rewritten(change: Change, recent: RecentUpdates) -> str:
    adopted = change.action in LINKING or change.live_id in recent.adopted
    if lacks_names(change):
        what = "the full name changes" if adopted else "userName and full name change"
    else:
        what = "givenName and familyName both change" if adopted else "userName, givenName and familyName all change"
    within = "" if find_replaced(change) >= (NAMES if adopted else IDENTITY) else " within 24 hours"
    return f"{what}{within}"


def _shows_user_name(change: Change) -> bool:
    """Whether the account is called by its userName, which it keeps: its full name identifies no person."""
    user_name = fold_case(str(change.before.get("userName", "")))
    if find_new_name(change) is not None:
        return False
    return fold_full_name(change.before) in (user_name, user_name.partition("@")[0])


# --- deactivated accounts ---------------------------------------------------------


def _find_revived(changes: Sequence[Change], context: GuardContext) -> list[Change]:
    """Find deactivated accounts that become active with both names replaced, or with another userName and full name.

    A leaver who comes back has at least one of them; a user who gets the account of a leaver has neither. Where no name
    is known, nothing but the userName shows who it is. One that is chosen on create never changes.
    """
    recent = merge_recent(map(without_filled_in, _list_since_inactive(context.recent)), _GUARD)
    known = [change for change in changes if change.live_id not in context.unnamed]
    return [change for change in known if _revives_as_another(change, recent.get(identify(change)))]


def _list_since_inactive(recent: Iterable[RecentChange]) -> Iterator[RecentChange]:
    """Yield the changes of each account from the first one on that found it inactive."""
    inactive: set[str | None] = set()
    for change in recent:
        if not change.was_active:
            inactive.add(change.live_id)
        if change.live_id in inactive:
            yield change


def revives_as_another(change: Change) -> bool:
    """Whether a change makes an inactive account active and another user's, by its values before and after."""
    if not reactivates(change):
        return False
    return find_replaced(change) >= NAMES or _names_another(
        change, _fold_user_name(change), fold_full_name(change.before)
    )


def _revives_as_another(change: Change, earlier: RecentChange | None) -> bool:
    if revives_as_another(change):
        return True
    if earlier is None or not (earlier.reactivated or reactivates(change)):
        return False
    if find_replaced(change) | find_replaced_since(earlier, change) >= NAMES:
        return True
    user_name, full_name = _fold_user_name(change), fold_full_name(change.before)
    return _names_another(change, next(iter(earlier.user_names), user_name), next(iter(earlier.full_names), full_name))


def _fold_user_name(change: Change) -> str:
    return fold_case(str(change.before.get("userName", "")))


def _names_another(change: Change, user_name: str, full_name: str) -> bool:
    """Whether the account ends with another userName than this, and not with the same full name."""
    if fold_case(str(change.after.get("userName", ""))) == user_name:
        return False
    return not full_name or fold_full_name(change.after) != full_name


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
    today = find_full_names(context, holders)
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


def _find_namesakes(
    changes: Sequence[Change], context: GuardContext, updates: RecentUpdates
) -> tuple[list[Change], set[str]]:
    """Find the accounts that get both names of other active accounts, if there are two or more.

    Returns the changes, and the accounts that got them within the last 24 hours. A name counts as that of each account
    that has it today, or had it then.
    """
    takers = [change for change in changes if updates.find_replaced(change) >= NAMES]
    judged = {identify(change) for change in changes if changes_full_name(change)}
    recent = updates.find_rewritten(NAMES, context.live) - judged - {identify(change) for change in takers}
    if not takers or len(takers) + len(recent) == 1:
        return [], set()
    names = {account: fold_full_name(user.attributes) for account, user in find_live(context, recent).items()}
    owners = _index_owners(context, {*names.values(), *(fold_full_name(change.after) for change in takers)})
    found = [change for change in takers if _has_other(owners, fold_full_name(change.after), identify(change))]
    before = merge_recent(context.recent, _GUARD)
    earlier = {
        account
        for account, name in names.items()
        if name not in before[account].full_names[:1] and _has_other(owners, name, account)
    }
    return (found, earlier) if found and len(found) + len(earlier) > 1 else ([], set())


def _index_owners(context: GuardContext, names: Collection[str]) -> Mapping[str, set[str]]:
    """Index the active accounts that have one of these names today, or had any name within the last 24 hours."""
    owners: dict[str, set[str]] = {}
    for user in context.list_managed():
        if user.active and (name := fold_full_name(user.attributes)) in names:
            owners.setdefault(name, set()).add(user.id)
    for account, change in list_existing(context):
        for name in filter(None, change.full_names):
            owners.setdefault(name, set()).add(account)
    return owners


def _has_other(owners: Mapping[str, set[str]], name: str, account: str) -> bool:
    found = owners.get(name, set())
    return len(found) > (account in found)
