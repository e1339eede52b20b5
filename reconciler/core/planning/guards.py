"""Guards: rules that block a plan. Each evaluates the whole plan and returns one verdict with its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import REMOVALS, Action, Change, Guard
from reconciler.core.policy import Approval, Limit, Policy
from reconciler.core.text import pluralize, quote
from reconciler.core.values import fold_case

_UPDATES = frozenset({Action.UPDATE, Action.ADOPT, Action.REACTIVATE})
_CREATES = frozenset({Action.CREATE})
GAINS = frozenset({Action.CREATE, Action.REACTIVATE, Action.ADOPT})
"""Actions after which there is one more active user."""


@dataclass(frozen=True, slots=True)
class GuardContext:
    """The input of the guards."""

    changes: Sequence[Change]
    desired: Sequence[DesiredUser]
    managed: Sequence[LiveUser]
    read_problem: str | None
    """Why the live read is incomplete or unreliable; None: it is complete."""
    recently_deleted: Mapping[str, date]
    """Folded user names of deleted accounts that the target still reserves, with the day they become free."""
    moved_from: str | None = None
    """The target of the applies on record, if none of them went to this target."""
    selected: Sequence[Change] | None = None
    """Those of `changes` that would be applied; None: all."""


def evaluate_guards(context: GuardContext, policy: Policy) -> tuple[Guard, ...]:
    """Return the verdicts of all guards, passed ones included, always in the same order."""
    return (
        _check_complete_read(context),
        _check_removals(context, policy.removals),
        _check_share("updates", _UPDATES, "updated", policy.updates, context),
        _check_share("creates", _CREATES, "created", policy.creates, context),
        _check_protected(context, policy),
        _check_last_active(context),
        _check_desired_state(context),
        _check_name_reuse(context),
        _check_target(context),
    )


def apply_approvals(
    guards: Iterable[Guard], approvals: Iterable[Approval], plan_id: str, removals: int, today: date
) -> tuple[Guard, ...]:
    """Approve the approvable guards if an approval names exactly this plan and has not expired."""
    approved = any(
        approval.plan_id == plan_id
        and (approval.removals is None or approval.removals == removals)
        and (approval.until is None or today <= approval.until)
        for approval in approvals
    )
    return tuple(
        replace(guard, approved=True) if approved and guard.approvable and not guard.passed else guard
        for guard in guards
    )


def _check_complete_read(context: GuardContext) -> Guard:
    problem = context.read_problem
    message = f"the live users could not be read completely: {problem}" if problem else "all live users were read"
    return Guard("complete-read", problem is None, message, approvable=False)


def _check_removals(context: GuardContext, limit: Limit) -> Guard:
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


def _check_share(name: str, actions: frozenset[Action], verb: str, limit: Limit, context: GuardContext) -> Guard:
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


def _check_protected(context: GuardContext, policy: Policy) -> Guard:
    named = policy.protected | {fold_case(user.key) for user in context.desired if user.lifecycle.protected}
    live = {user.id: user for user in context.managed}
    hit = sorted(
        change.key
        for change in context.changes
        if change.action in REMOVALS and _collect_names(change, live.get(change.live_id or "")) & named
    )
    if not hit:
        return Guard("protected", passed=True, message="no protected user would be removed", approvable=False)
    message = f"{pluralize(len(hit), 'protected user')} would be removed: {_format_names(hit)}"
    return Guard("protected", passed=False, message=message, approvable=False)


def _collect_names(change: Change, live: LiveUser | None) -> set[str]:
    """Collect the folded names of the user of a change."""
    known = [change.key, change.live_id, change.before.get("userName"), change.before.get("externalId")]
    if live is not None:
        known += [live.user_name, live.external_id]
    return {fold_case(str(name)) for name in known if name}


def _check_last_active(context: GuardContext) -> Guard:
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
    gained = any(change.action in GAINS for change in changes)
    return not removed or not active or gained or any(user.id not in removed for user in active)


def _check_desired_state(context: GuardContext) -> Guard:
    any_in_scope = any(user.verdict.in_scope for user in context.desired)
    passed = any_in_scope or not context.managed
    message = (
        "the desired state names users"
        if passed
        else f"the desired state has no user in scope, but {pluralize(len(context.managed), 'managed user')} exist"
    )
    return Guard("empty-desired-state", passed, message)


def _check_name_reuse(context: GuardContext) -> Guard:
    reserved = context.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in context.changes
        if (name := _find_new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = pluralize(len(hit), "user name")
    message = (
        f"{names} of recently deleted accounts would be used again, which the target refuses: {_format_names(hit)}"
    )
    message += "; wait until then, or choose other names"
    return Guard("name-reuse", passed=False, message=message)


def _check_target(context: GuardContext) -> Guard:
    """Block changes to a target that no apply on record went to: another organisation's accounts, or a typo."""
    before = context.moved_from
    if before is None or not context.changes:
        return Guard("target", passed=True, message="the target is unchanged since the last apply")
    message = f"the target changed: every apply on record used another one, the last time {quote(before)}"
    return Guard("target", passed=False, message=message)


def _find_new_name(change: Change) -> str | None:
    """Return the folded user name that a create or a rename takes, if any."""
    before, after = (fold_case(str(side.get("userName", ""))) for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None


def _format_names(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(quote(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
