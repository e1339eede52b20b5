"""The guards: rules that block a plan. Each looks at the whole plan and gives one verdict with its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from reconciler.core.model import REMOVALS, Action, Change, DesiredUser, Guard, LiveUser
from reconciler.core.policy import Approval, Limit, Policy
from reconciler.core.text import plural, quoted

_UPDATES = frozenset({Action.UPDATE, Action.ADOPT, Action.REACTIVATE})


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guards look at."""

    changes: Sequence[Change]
    desired: Sequence[DesiredUser]
    managed: Sequence[LiveUser]
    read_problem: str | None
    """Why the live read cannot be relied on; None: it is complete."""
    recently_deleted: Mapping[str, date]
    """Folded user names of deleted accounts that the target still keeps, with the day they are free again."""


def evaluate(situation: Situation, policy: Policy) -> tuple[Guard, ...]:
    """All verdicts, the passed ones included, always in the same order."""
    return (
        _complete_read(situation),
        _limit("removals", REMOVALS, "deactivated or deleted", policy.removals, situation),
        _limit("updates", _UPDATES, "updated", policy.updates, situation),
        _limit("creates", frozenset({Action.CREATE}), "created", policy.creates, situation),
        _protected(situation, policy),
        _last_active(situation),
        _empty_desired_state(situation),
        _name_reuse(situation),
    )


def approve(
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


def _complete_read(situation: Situation) -> Guard:
    problem = situation.read_problem
    message = f"the live users could not be read completely: {problem}" if problem else "all live users were read"
    return Guard("complete-read", problem is None, message, approvable=False)


def _limit(name: str, actions: frozenset[Action], verb: str, limit: Limit, situation: Situation) -> Guard:
    changes, managed = situation.changes, len(situation.managed)
    count = sum(change.action in actions for change in changes)
    share = 100 * count / managed if managed else 0.0
    message = f"{count:,} of {plural(managed, 'managed user')} ({share:.1f} %) would be {verb}"
    allowed, rule = _allowed(limit, managed)
    if allowed is None:
        return Guard(name, passed=True, message=f"{message}; no limit is set")
    passed = count <= allowed
    compared = "within" if passed else "more than"
    return Guard(name, passed, f"{message}, {compared} the limit of {allowed:,} (guards.{name}.{rule})")


def _allowed(limit: Limit, managed: int) -> tuple[int | None, str]:
    """How many changes are allowed, and by which setting; None: any number. The stricter of the two counts."""
    # A target without managed users has nothing a percentage could protect: a first run creates everybody.
    by_percent = None
    if limit.percent is not None and managed:
        by_percent = max(limit.floor, int(managed * limit.percent / 100 + 1e-9))
    if by_percent is not None and (limit.count is None or by_percent < limit.count):
        return by_percent, f"percent: {limit.percent:g}"
    return limit.count, f"count: {limit.count}"


def _protected(situation: Situation, policy: Policy) -> Guard:
    named = policy.protected | {user.key.casefold() for user in situation.desired if user.protected}
    hit = sorted(change.key for change in situation.changes if change.action in REMOVALS and _names(change) & named)
    if not hit:
        return Guard("protected", passed=True, message="no protected user would be removed", approvable=False)
    message = f"{plural(len(hit), 'protected user')} would be removed: {_some(hit)}"
    return Guard("protected", passed=False, message=message, approvable=False)


def _names(change: Change) -> set[str]:
    known = (change.key, change.live_id, change.before.get("userName"), change.before.get("externalId"))
    return {str(name).casefold() for name in known if name}


def _last_active(situation: Situation) -> Guard:
    """Removals must leave somebody: an organisation without one active account cannot be what was meant."""
    removed = {change.live_id for change in situation.changes if change.action in REMOVALS}
    active = [user for user in situation.managed if user.active]
    gained = any(change.action in (Action.CREATE, Action.REACTIVATE, Action.ADOPT) for change in situation.changes)
    passed = not removed or not active or gained or any(user.id not in removed for user in active)
    message = "an active user remains" if passed else "the last active managed user would be removed"
    return Guard("last-active-user", passed, message)


def _empty_desired_state(situation: Situation) -> Guard:
    somebody = any(user.verdict.in_scope for user in situation.desired)
    passed = somebody or not situation.managed
    message = (
        "the desired state names users"
        if passed
        else f"the desired state has nobody in scope, but {plural(len(situation.managed), 'managed user')} exist"
    )
    return Guard("empty-desired-state", passed, message)


def _name_reuse(situation: Situation) -> Guard:
    reserved = situation.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in situation.changes
        if (name := _new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = plural(len(hit), "user name")
    message = f"{names} of recently deleted accounts would be used again, which the target refuses: {_some(hit)}"
    return Guard("name-reuse", passed=False, message=message)


def _new_name(change: Change) -> str | None:
    """The folded user name that a create or a rename takes."""
    before, after = (str(side.get("userName", "")).casefold() for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(quoted(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
