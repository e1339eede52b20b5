"""Guards of user names and identities: no account is handed to another user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.model import Attributes, LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.temporary_names import continues_exchange
from reconciler.core.policy import Limit
from reconciler.core.text import format_names, pluralize
from reconciler.core.values import fold_case

_GIVEN, _FAMILY = "name.givenName", "name.familyName"
_IDENTITY = frozenset({"userName", _GIVEN, _FAMILY})
_REWRITING = frozenset({Action.UPDATE, Action.REACTIVATE})


# --- user names -------------------------------------------------------------------


def check_name_reuse(context: GuardContext) -> Guard:
    """Block the reuse of user names that the target still reserves for deleted accounts."""
    reserved = context.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in context.chosen
        if (name := _find_new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = pluralize(len(hit), "user name")
    message = f"{names} of recently deleted accounts would be used again, which the target refuses: {format_names(hit)}"
    message += "; wait until then, or choose other names"
    return Guard("name-reuse", passed=False, message=message)


def _find_new_name(change: Change) -> str | None:
    """Return the folded user name that a create or a rename takes, if any."""
    before, after = (fold_case(str(side.get("userName", ""))) for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None


def check_name_takeovers(context: GuardContext, limit: Limit) -> Guard:
    """Limit the users that take a user name which another account has today, beyond one swap of two accounts.

    Such names are the trace of ids or names that were shifted, rotated or mixed up.
    """
    taken_from = _find_takeovers(context.chosen)
    swapped = _find_swap(taken_from)
    beyond = taken_from.keys() - swapped
    hit = sorted(change.key for change in context.chosen if change.address in beyond)
    what = "would take a userName that another account has today" + (", beyond one swap" if swapped else "")
    return _judge("name-takeovers", "user", what, hit, limit)


def _find_takeovers(changes: Sequence[Change]) -> Mapping[str, str]:
    """Map the address of each change that takes the name of another account to the address of that account's change.

    A name whose holder keeps it is a conflict before any guard is evaluated. The end of an exchange of names that was
    cut short is none: its guards were evaluated when it began.
    """
    holders = {fold_case(str(change.before["userName"])): change for change in changes if change.before.get("userName")}
    takeovers: dict[str, str] = {}
    for change in changes:
        holder = holders.get(_find_new_name(change) or "")
        if holder is not None and holder.live_id != change.live_id and not continues_exchange(change):
            takeovers[change.address] = holder.address
    return takeovers


def _find_swap(taken_from: Mapping[str, str]) -> frozenset[str]:
    """Return the addresses of the first two accounts that exchange their names; empty if none do."""
    for address in sorted(taken_from):
        other = taken_from[address]
        if taken_from.get(other) == address:
            return frozenset({address, other})
    return frozenset()


# --- identities -------------------------------------------------------------------


def check_identity_changes(context: GuardContext, limit: Limit) -> Guard:
    """Limit the accounts whose identity changes to that of another user.

    Such a change replaces userName, givenName and familyName; of an adoption, which matches by userName, both names.
    Both names also count if two or more accounts get those of other active accounts: one may be a namesake. What an
    apply changed in the last 24 hours counts as if this plan did.
    """
    renamed = [change for change in context.chosen if _replaces(change, _GIVEN) and _replaces(change, _FAMILY)]
    recent = _index_recent_attributes(context)
    rewritten = [
        change for change in context.chosen if _changes_identity(change, recent.get(change.live_id or "", frozenset()))
    ]
    namesakes = _find_namesakes(renamed, context.managed) if len(renamed) > 1 else []
    if len(namesakes) > 1:
        rewritten += namesakes
    hit = sorted({change.key for change in rewritten})
    return _judge("identity-changes", "account", "would get the names of another user", hit, limit)


def _replaces(change: Change, path: str) -> bool:
    """Whether a change replaces a value by a really different one: not only in its case or Unicode form."""
    before, after = change.before.get(path), change.after.get(path)
    return bool(before and after) and fold_case(str(before)) != fold_case(str(after))


def _index_recent_attributes(context: GuardContext) -> Mapping[str, frozenset[str]]:
    """Index the attributes that updates of the last 24 hours changed, without those that were approved."""
    found: dict[str, frozenset[str]] = {}
    for change in context.recent:
        if change.live_id and change.action in _REWRITING and "identity-changes" not in change.lifted:
            found[change.live_id] = found.get(change.live_id, frozenset()) | change.attributes
    return found


def _changes_identity(change: Change, recent: frozenset[str]) -> bool:
    replaced = {path for path in _IDENTITY if _replaces(change, path)}
    if change.action is Action.ADOPT and {_GIVEN, _FAMILY} <= replaced:
        return True
    return bool(replaced) and replaced | recent >= _IDENTITY


def _find_namesakes(changes: Sequence[Change], users: Sequence[LiveUser]) -> list[Change]:
    """Find the changes that give an account both names of another active account."""
    owners: dict[tuple[str, str], set[str]] = {}
    for user in users:
        if user.active:
            owners.setdefault(_fold_full_name(user.attributes), set()).add(user.id)
    return [change for change in changes if owners.get(_fold_full_name(change.after), set()) - {change.live_id or ""}]


def _fold_full_name(attributes: Attributes) -> tuple[str, str]:
    return fold_case(str(attributes.get(_GIVEN, ""))), fold_case(str(attributes.get(_FAMILY, "")))


def check_relink(context: GuardContext) -> Guard:
    """Block changes that clear or change the externalId of an account: it would be linked to no user, or to another."""
    live = {user.id: user for user in context.managed}
    hit = sorted(change.key for change in context.chosen if is_relink(change, live.get(change.live_id or "")))
    if not hit:
        return Guard("relink", passed=True, message="no externalId of a managed account is cleared or changed")
    accounts = pluralize(len(hit), "managed account")
    message = f"the externalId of {accounts} would be cleared or changed, which links them to no user or to another"
    return Guard("relink", passed=False, message=f"{message}: {format_names(hit)}")


def is_relink(change: Change, live: LiveUser | None = None) -> bool:
    """Whether a change clears the externalId of an account or gives it another. `live`: its account, if known."""
    before = change.before.get("externalId")
    if before is None and live is not None and "externalId" in change.after:
        before = live.external_id
    if change.action is Action.DELETE or not before:
        return False
    return fold_case(str(before)) != fold_case(str(change.after.get("externalId", "")))


def _judge(name: str, noun: str, what: str, hit: Sequence[str], limit: Limit) -> Guard:
    """Block if there are more `hit` than the limit's count; the message names them."""
    if not hit:
        return Guard(name, passed=True, message=f"no {noun} {what}")
    allowed = limit.count or 0
    passed = len(hit) <= allowed
    compared = "within" if passed else "more than"
    rule = f"{compared} the limit of {allowed:,} (guards.{name.replace('-', '_')}.count: {allowed})"
    return Guard(name, passed, f"{pluralize(len(hit), noun)} {what}, {rule}: {format_names(hit)}")
