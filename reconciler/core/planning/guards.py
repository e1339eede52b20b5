"""The guards: rules that block a plan. Each looks at the whole plan and gives one verdict with its numbers."""

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
"""What leaves an active user more."""


@dataclass(frozen=True, slots=True)
class GuardContext:
    """What the guards look at."""

    changes: Sequence[Change]
    desired: Sequence[DesiredUser]
    managed: Sequence[LiveUser]
    read_problem: str | None
    """Why the live read cannot be relied on; None: it is complete."""
    recently_deleted: Mapping[str, date]
    """Folded user names of deleted accounts that the target still keeps, with the day they are free again."""
    moved_from: str | None = None
    """Where applies went until now, if never to this target."""
    chosen: Sequence[Change] | None = None
    """Those of `changes` that would be carried out; None: all."""


def evaluate_guards(situation: GuardContext, policy: Policy) -> tuple[Guard, ...]:
    """All verdicts, the passed ones included, always in the same order."""
    return (
        _complete_read(situation),
        _removals(situation, policy.removals),
        _limit("updates", _UPDATES, "updated", policy.updates, situation),
        _limit("creates", _CREATES, "created", policy.creates, situation),
        _protected(situation, policy),
        _last_active(situation),
        _empty_desired_state(situation),
        _name_reuse(situation),
        _target(situation),
    )


def apply_approvals(
    guards: Iterable[Guard], approvals: Iterable[Approval], plan_id: str, removals: int, today: date
) -> tuple[Guard, ...]:
    """The guards, the approvable ones approved when an approval names exactly this plan and has not run out."""
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


def _complete_read(situation: GuardContext) -> Guard:
    problem = situation.read_problem
    message = f"the live users could not be read completely: {problem}" if problem else "all live users were read"
    return Guard("complete-read", problem is None, message, approvable=False)


def _removals(situation: GuardContext, limit: Limit) -> Guard:
    """The count is of all removals, the percentage of active users: old leavers make no room for new ones."""
    active = {user.id for user in situation.managed if user.active}
    removed = [change.live_id for change in situation.changes if change.action in REMOVALS]
    of_active = sum(identity in active for identity in removed)
    message = f"{_share(of_active, len(active), 'active managed user')} would be deactivated or deleted"
    if len(removed) > of_active:
        message += f", and {len(removed) - of_active:,} inactive"
    return _judge_limit("removals", message, limit, _LimitCounts(of_active, len(active), len(removed)))


def _limit(name: str, actions: frozenset[Action], verb: str, limit: Limit, situation: GuardContext) -> Guard:
    managed = len(situation.managed)
    count = sum(change.action in actions for change in situation.changes)
    message = f"{_share(count, managed, 'managed user')} would be {verb}"
    return _judge_limit(name, message, limit, _LimitCounts(count, managed, count))


def _share(count: int, base: int, noun: str) -> str:
    return f"{count:,} of {pluralize(base, noun)} ({100 * count / base if base else 0:.1f} %)"


def _judge_limit(name: str, message: str, limit: Limit, counts: _LimitCounts) -> Guard:
    """Whichever of percentage and count is exceeded blocks; the stricter of the two is named."""
    by_percent = _allowed_by_percent(limit, counts.base)
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
    """`share` of `base` users is held against the percentage, `total` against the count."""

    share: int
    base: int
    total: int


def _allowed_by_percent(limit: Limit, base: int) -> int | None:
    # A target without users has nothing a percentage could protect: a first run creates everybody.
    if limit.percent is None or not base:
        return None
    return max(limit.floor, int(base * limit.percent / 100 + 1e-9))


def _protected(situation: GuardContext, policy: Policy) -> Guard:
    named = policy.protected | {fold_case(user.key) for user in situation.desired if user.lifecycle.protected}
    live = {user.id: user for user in situation.managed}
    hit = sorted(
        change.key
        for change in situation.changes
        if change.action in REMOVALS and _names(change, live.get(change.live_id or "")) & named
    )
    if not hit:
        return Guard("protected", passed=True, message="no protected user would be removed", approvable=False)
    message = f"{pluralize(len(hit), 'protected user')} would be removed: {_some(hit)}"
    return Guard("protected", passed=False, message=message, approvable=False)


def _names(change: Change, live: LiveUser | None) -> set[str]:
    """All that the user is called, folded."""
    known = [change.key, change.live_id, change.before.get("userName"), change.before.get("externalId")]
    if live is not None:
        known += [live.user_name, live.external_id]
    return {fold_case(str(name)) for name in known if name}


def _last_active(situation: GuardContext) -> Guard:
    """Removals must leave somebody: an organisation without one active account cannot be what was meant."""
    # A replacement who is not among the chosen does not come: so both all and the chosen must leave somebody.
    passed = _leaves_somebody(situation.changes, situation) and (
        situation.chosen is None or _leaves_somebody(situation.chosen, situation)
    )
    message = "an active user remains" if passed else "the last active managed user would be removed"
    return Guard("last-active-user", passed, message)


def _leaves_somebody(changes: Sequence[Change], situation: GuardContext) -> bool:
    removed = {change.live_id for change in changes if change.action in REMOVALS}
    active = [user for user in situation.managed if user.active]
    gained = any(change.action in GAINS for change in changes)
    return not removed or not active or gained or any(user.id not in removed for user in active)


def _empty_desired_state(situation: GuardContext) -> Guard:
    somebody = any(user.verdict.in_scope for user in situation.desired)
    passed = somebody or not situation.managed
    message = (
        "the desired state names users"
        if passed
        else f"the desired state has no user in scope, but {pluralize(len(situation.managed), 'managed user')} exist"
    )
    return Guard("empty-desired-state", passed, message)


def _name_reuse(situation: GuardContext) -> Guard:
    reserved = situation.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in situation.changes
        if (name := _new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = pluralize(len(hit), "user name")
    message = f"{names} of recently deleted accounts would be used again, which the target refuses: {_some(hit)}"
    message += "; wait until then, or choose other names"
    return Guard("name-reuse", passed=False, message=message)


def _target(situation: GuardContext) -> Guard:
    """Another address in settings.yaml is another organisation's accounts, or a slip."""
    before = situation.moved_from
    if before is None or not situation.changes:
        return Guard("target", passed=True, message="the target is unchanged since the last apply")
    message = f"the target changed: every apply on record used another one, the last time {quote(before)}"
    return Guard("target", passed=False, message=message)


def _new_name(change: Change) -> str | None:
    """The folded user name that a create or a rename takes."""
    before, after = (fold_case(str(side.get("userName", ""))) for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(quote(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
