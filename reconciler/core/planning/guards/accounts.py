"""Guards of accounts that must not be removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.core.model import LiveUser
from reconciler.core.plan import REMOVALS, Action, Change, Guard
from reconciler.core.planning.guards.context import AccountEvidence, GuardContext
from reconciler.core.planning.protection import collect_protected_names
from reconciler.core.policy import Limit, Policy
from reconciler.core.text import format_names, pluralize, quote
from reconciler.core.values import fold_case

_GAINS = frozenset({Action.CREATE, Action.REACTIVATE, Action.ADOPT})
FOREIGN_ACCOUNTS = "foreign-accounts"
_SHOWN = 5


def check_protected(context: GuardContext, policy: Policy) -> Guard:
    """Block the removal of protected users, and of those that a misspelt entry may mean."""
    named = collect_protected_names(context.desired, policy)
    live = {user.id: user for user in context.managed}
    removals = [change for change in context.chosen if change.action in REMOVALS]
    hit = sorted(
        change.key
        for change in removals
        if change.live_id in context.protected or _collect_names(change, live.get(change.live_id or "")) & named
    )
    problems = [f"{pluralize(len(hit), 'protected user')} would be removed: {format_names(hit)}"] if hit else []
    problems += _describe_without_entry(removals, context, live)
    problems += _describe_misnamed(removals, context.misnamed)
    problems += _describe_unresolved(removals, context.unresolved)
    if not problems:
        return Guard("protected", passed=True, message="no protected user would be removed", approvable=False)
    return Guard("protected", passed=False, message="; ".join(problems), approvable=False)


def _describe_without_entry(
    removals: Sequence[Change], context: GuardContext, live: Mapping[str, LiveUser]
) -> list[str]:
    """Describe the accounts to be removed whose users were protected by entries that are gone.

    An entry ends the protection only if it has the externalId that the account has now, which may be another than the
    entry had.
    """
    gone = [change for change in removals if change.live_id in context.without_entry]
    if not gone:
        return []
    owners = {change.key: live.get(change.live_id or "") for change in gone}
    linked = {key: owner.external_id for key, owner in owners.items() if owner is not None and owner.external_id}
    names = ", ".join(_describe_account(key, linked.get(key)) for key in sorted(owners)[:_SHOWN])
    names += f" and {len(owners) - _SHOWN:,} more" if len(owners) > _SHOWN else ""
    count = pluralize(len(gone), "account")
    if len(gone) == 1:
        message = f"{count} would be removed whose user was protected (lifecycle.protected) by an entry that is gone"
        restore = f"Restore the entry with {'this externalId and ' if linked else ''}`protected: false`"
        return [f"{message}: {names}. {restore}, apply, then remove it"]
    message = f"{count} would be removed whose users were protected (lifecycle.protected) by entries that are gone"
    restore = f"Restore the entries with {'these externalIds and ' if linked else ''}`protected: false`"
    return [f"{message}: {names}. {restore}, apply, then remove them"]


def _describe_account(key: str, external_id: str | None) -> str:
    return f"{quote(key)} (externalId {quote(external_id)})" if external_id else quote(key)


def _describe_misnamed(removals: Sequence[Change], misnamed: Mapping[str, str]) -> list[str]:
    """Describe the accounts to be removed that an entry without an account may mean."""
    found = [
        (misnamed[change.live_id], change.key) for change in removals if change.live_id and change.live_id in misnamed
    ]
    if not found:
        return []
    entries = format_names(sorted({entry for entry, _ in found}))
    message = f"guards.protected lists {entries}, which no account is called, and"
    message += f" {format_names(sorted(key for _, key in found))} would be removed"
    return [f"{message}: correct the entry, or remove it if it means another account"]


def _describe_unresolved(removals: Sequence[Change], unresolved: Collection[str]) -> list[str]:
    """Describe the entries that may mean any account, because earlier names on record cannot be read."""
    if not removals or not unresolved:
        return []
    one = len(unresolved) == 1
    message = f"guards.protected lists {format_names(sorted(unresolved))}, which no account is called now, and earlier "
    message += "names on record are digests of another RECONCILER_RECORD_KEY: set that key, with `record: {values: "
    message += "digest}`, or change "
    change = (
        "the entry to the name that its account has" if one else "the entries to the names that their accounts have"
    )
    return [f"{message}{change} now, or remove {'it' if one else 'them'}"]


def _collect_names(change: Change, live: LiveUser | None) -> set[str]:
    """Collect the folded names of the user of a change."""
    known = [change.key, change.live_id, change.before.get("userName"), change.before.get("externalId")]
    if live is not None:
        known += [live.user_name, live.external_id]
    return {fold_case(str(name)) for name in known if name}


def check_last_active(context: GuardContext) -> Guard:
    """Block a plan that would remove the last active user."""
    # A replacement that is not selected is not created, so an active user must remain in both cases.
    passed = _leaves_active_user(context.changes, context) and (
        context.selected is None or _leaves_active_user(context.selected, context)
    )
    message = "an active user remains" if passed else "the last active managed user would be removed"
    return Guard("last-active-user", passed, message)


def _leaves_active_user(changes: Sequence[Change], context: GuardContext) -> bool:
    removed = {change.live_id for change in changes if change.action in REMOVALS}
    active = [user for user in context.managed if user.active]
    return (
        not removed
        or context.settled.count > 0
        or not active
        or any(map(gains_active_user, changes))
        or any(user.id not in removed for user in active)
    )


def gains_active_user(change: Change) -> bool:
    """Whether there is one more active user after a change: users can be created and adopted inactive."""
    if change.action is Action.RELINK:
        return change.before.get("active") is False and change.after.get("active") is True
    return change.action in _GAINS and change.after.get("active") is not False


def check_foreign_accounts(context: GuardContext, limit: Limit) -> Guard:
    """Limit the removal of accounts that were not created or adopted here, such as administrators.

    With a wider ownership filter, or the token of another organisation, they look like users that were removed.
    """
    evidence = context.evidence
    if evidence is None:
        return Guard(FOREIGN_ACCOUNTS, passed=True, message="the origin of accounts to be removed was not checked")
    foreign = [
        change
        for change in context.changes
        if change.action in REMOVALS and change.live_id in context.unclaimed and change.live_id not in evidence.known
    ]
    if not foreign:
        return Guard(FOREIGN_ACCOUNTS, passed=True, message="every account to be removed was created or adopted here")
    passed = limit.count is None or len(foreign) <= limit.count
    return Guard(
        FOREIGN_ACCOUNTS,
        passed,
        _describe_foreign(foreign, limit, evidence, passed=passed),
        accounts=tuple(change.live_id for change in foreign if change.live_id is not None),
    )


def _describe_foreign(foreign: Sequence[Change], limit: Limit, evidence: AccountEvidence, *, passed: bool) -> str:
    they = "it was" if len(foreign) == 1 else "they were"
    names = format_names(sorted(change.key for change in foreign))
    message = f"{pluralize(len(foreign), 'account')} would be deactivated or deleted, and no receipt and no commit"
    message += f" shows that {they} created, adopted or listed in users/ here: {names}"
    if limit.count is None:
        return f"{message}; no limit is set"
    compared = "within" if passed else "more than"
    message += f", {compared} the limit of {limit.count:,} (guards.foreign_accounts.count: {limit.count})"
    return message if passed or not evidence.problem else f"{message}; {evidence.problem}"
