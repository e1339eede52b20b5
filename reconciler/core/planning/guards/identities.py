"""Guards of user names and identities: no account is handed to another user.

They judge the changes that would be applied, with those of the last 24 hours. The record can only add to what the plan
alone shows.
"""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.guards.handovers import find_identity_changes
from reconciler.core.planning.guards.limits import reactivates
from reconciler.core.planning.guards.takeovers import (
    find_continued,
    find_day_takeovers,
    find_named,
    find_new_name,
    find_planned_takeovers,
    find_swap,
    identify,
)
from reconciler.core.policy import Limit
from reconciler.core.text import format_names, pluralize
from reconciler.core.values import fold_case


def check_name_reuse(context: GuardContext) -> Guard:
    """Block the reuse of user names that the target still reserves for deleted accounts."""
    reserved = context.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in context.chosen
        if (name := find_new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = pluralize(len(hit), "user name")
    message = f"{names} of recently deleted accounts would be used again, which the target refuses: {format_names(hit)}"
    message += "; wait until then, or choose other names"
    return Guard("name-reuse", passed=False, message=message)


def check_name_takeovers(context: GuardContext, limit: Limit) -> Guard:
    """Limit the users that take a user name which another account has today, beyond one swap of two known users.

    Such names are the trace of ids or names that were shifted, rotated or mixed up. A name that another account had
    within the last 24 hours counts as well, and so do the takeovers of that time.
    """
    renames = {identify(change): change for change in context.chosen if find_new_name(change)}
    continued = find_continued(context)
    planned = {
        account: taken for account, taken in find_planned_takeovers(context.chosen).items() if account not in continued
    }
    day = find_day_takeovers(context, "name-takeovers") if renames else {}
    takers = [account for account in renames if account in planned or (account in day and account not in continued)]
    swaps = find_swap(find_named(context, planned)), find_swap(find_named(context, day), renames)
    hit = ((planned.keys() - swaps[0]) | (day.keys() - swaps[1])) - (renames.keys() - takers)
    # If the record alone has those beyond a swap, they are an exchange that this plan goes on with.
    shown = hit.intersection(takers) or (takers if hit else ())
    what = "would take a userName that another account has today"
    if not planned.keys() >= set(shown):
        what += " or had in the last 24 hours"
    if any(swaps):
        what += ", beyond one swap"
    keys = [renames[account].key for account in shown]
    return _judge("name-takeovers", "user", what, keys, limit, earlier=len(hit - renames.keys()))


def check_identity_changes(context: GuardContext, limit: Limit) -> Guard:
    """Limit the accounts that become another user's, by what `find_identity_changes` finds."""
    found = find_identity_changes(context)
    keys = {change.key for change in found.changes}
    what = "would get the names of another user"
    if found.reasons:
        what = f"would look like another user's ({'; '.join(found.reasons)})"
    return _judge("identity-changes", "account", what, keys, limit, earlier=found.earlier)


def check_relink(context: GuardContext) -> Guard:
    """Block changes that clear or change the externalId of an account: it would be linked to no user, or to another."""
    live = {user.id: user for user in context.managed}
    found = [change for change in context.chosen if is_relink(change, live.get(change.live_id or ""))]
    hit = sorted(change.key for change in found)
    if not hit:
        return Guard("relink", passed=True, message="no externalId of a managed account is cleared or changed")
    accounts = pluralize(len(hit), "managed account")
    message = f"the externalId of {accounts} would be cleared or changed, which links them to no user or to another"
    if all(change.action is Action.RELINK for change in found):
        message = f"{accounts} would get another externalId, as `relink` in settings.yaml says"
        revived = sum(map(reactivates, found))
        if revived:
            message += f"; {revived:,} of them {'is' if revived == 1 else 'are'} deactivated and would become active"
    return Guard("relink", passed=False, message=f"{message}: {format_names(hit)}")


def is_relink(change: Change, live: LiveUser | None = None) -> bool:
    """Whether a change clears the externalId of an account or gives it another. `live`: its account, if known."""
    before = change.before.get("externalId")
    if before is None and live is not None and "externalId" in change.after:
        before = live.external_id
    if change.action is Action.RELINK:
        return True
    if change.action is Action.DELETE or not before:
        return False
    return fold_case(str(before)) != fold_case(str(change.after.get("externalId", "")))


def _judge(name: str, noun: str, what: str, hit: Collection[str], limit: Limit, *, earlier: int) -> Guard:
    """Block if there are more hits than the limit's count; the message names them.

    `earlier`: the accounts of the last 24 hours that count as well.
    """
    if not hit:
        return Guard(name, passed=True, message=f"no {noun} {what}")
    allowed = limit.count or 0
    passed = len(hit) + earlier <= allowed
    compared = "within" if passed else "more than"
    rule = f"{compared} the limit of {allowed:,} (guards.{name.replace('-', '_')}.count: {allowed})"
    more = f", {earlier:,} more did in the last 24 hours" if earlier else ""
    return Guard(name, passed, f"{pluralize(len(hit), noun)} {what}{more}, {rule}: {format_names(sorted(hit))}")
