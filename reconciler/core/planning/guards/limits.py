"""Limits on the number of changes of one kind."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.plan import REMOVALS, Action, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.policy import Limit
from reconciler.core.text import pluralize

UPDATES = frozenset({Action.UPDATE, Action.ADOPT, Action.REACTIVATE})
CREATES = frozenset({Action.CREATE})


def check_removals(context: GuardContext, limit: Limit) -> Guard:
    """Limit removals: the count of all of them, the percentage of active users only.

    Users deactivated earlier must not raise the limit.
    """
    active = {user.id for user in context.managed if user.active}
    removed = [change.live_id for change in context.changes if change.action in REMOVALS]
    of_active = sum(identity in active for identity in removed)
    message = f"{_format_share(of_active, len(active), 'active managed user')} would be deactivated or deleted"
    if len(removed) > of_active:
        message += f", and {len(removed) - of_active:,} inactive"
    return _check_limit("removals", message, limit, _LimitCounts(of_active, len(active), len(removed)))


def check_share(name: str, actions: frozenset[Action], verb: str, limit: Limit, context: GuardContext) -> Guard:
    """Limit the changes with one of `actions`, in count and as a percentage of the managed users."""
    managed = len(context.managed)
    count = sum(change.action in actions for change in context.changes)
    message = f"{_format_share(count, managed, 'managed user')} would be {verb}"
    return _check_limit(name, message, limit, _LimitCounts(count, managed, count))


def _format_share(count: int, base: int, noun: str) -> str:
    return f"{count:,} of {pluralize(base, noun)} ({100 * count / base if base else 0:.1f} %)"


def _check_limit(name: str, message: str, limit: Limit, counts: _LimitCounts) -> Guard:
    """Block if the percentage or the count is exceeded; the message names the stricter of the two."""
    by_percent = _count_allowed(limit, counts.base)
    rules = []
    if limit.count is not None:
        rules.append((limit.count, f"count: {limit.count}", counts.total > limit.count))
    if by_percent is not None:
        rules.append((by_percent, f"percent: {limit.percent:g}", counts.share > by_percent))
    if not rules:
        return Guard(name, passed=True, message=f"{message}; no limit is set")
    allowed, rule, exceeded = min(rules, key=lambda entry: (not entry[2], entry[0]))
    compared = "more than" if exceeded else "within"
    return Guard(name, not exceeded, f"{message}, {compared} the limit of {allowed:,} (guards.{name}.{rule})")


@dataclass(frozen=True, slots=True)
class _LimitCounts:
    """`share` of `base` users is compared with the percentage, `total` with the count."""

    share: int
    base: int
    total: int


def _count_allowed(limit: Limit, base: int) -> int | None:
    # Without managed users a percentage protects nothing: the first apply creates all of them.
    if limit.percent is None or not base:
        return None
    return max(limit.floor, int(base * limit.percent / 100 + 1e-9))
