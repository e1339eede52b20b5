"""The guard of a connection that was cut and made again: creating its accounts again makes conflicts or duplicates.

Another organisation's token, and a service that was emptied, look the same.
"""

from __future__ import annotations

from reconciler.core.plan import Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.lost_accounts import are_nearly_all
from reconciler.core.text import pluralize

DISCONNECT = "disconnect"
_CAUSE = ". The connection was cut, or the token belongs to another tenant"


def check_disconnect(context: GuardContext, tenant: Guard) -> Guard:
    """Block changes if nearly all accounts that applies left active are lost.

    `tenant`: the verdict of that guard; if it blocks, these are another organisation's accounts.
    """
    if not context.changes or context.read_problem is not None:
        message = "not checked: the plan has no changes, or the read is incomplete"
        return Guard(DISCONNECT, passed=True, message=message)
    if not tenant.passed:
        return Guard(DISCONNECT, passed=True, message="not checked: the guard tenant judges whose accounts these are")
    if not context.lost:
        return Guard(DISCONNECT, passed=True, message="no account that earlier applies left active is gone")
    nearly_all = are_nearly_all(len(context.lost), _count_there(context))
    return Guard(DISCONNECT, passed=not nearly_all, message=_describe(context) + (_CAUSE if nearly_all else ""))


def _count_there(context: GuardContext) -> int:
    return len(context.there) + context.settled.count


def _describe(context: GuardContext) -> str:
    lost = len(context.lost)
    unlinked = sum(user.id in context.lost for user in context.live)
    counts = [(lost - unlinked, "not listed"), (unlinked, "listed without an externalId")]
    how = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    accounts = pluralize(lost + _count_there(context), "account")
    return f"{lost:,} of {accounts} that earlier applies left active {'is' if lost == 1 else 'are'} gone: {how}"
