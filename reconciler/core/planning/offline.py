"""Plan from one desired state to another: the first one's users take the place of the live users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.patch import build_resource
from reconciler.core.plan import Action, Plan
from reconciler.core.planning.later_edits import UserIndex
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.policy import Policy

_LIVE_GUARDS = frozenset({"complete-read", "disconnect", "foreign-accounts", "name-reuse", "target", "tenant"})
"""Guards that need the live service or receipts."""


def simulate_accounts(base: PlanRequest, reader: LiveReader) -> list[LiveUser]:
    """Return the accounts of the base's desired users, as `reader` would read them from a service that has these."""
    plan = build_plan(replace(base, policy=Policy(), only=(), diagnostics=()), LiveState([]))
    return [
        reader.read({**build_resource(change.after), "id": f"base-{number}"})
        for number, change in enumerate(plan.changes, 1)
    ]


def build_offline_plan(request: PlanRequest, base: Sequence[DesiredUser], live: Sequence[LiveUser]) -> Plan:
    """Return the plan for the simulated accounts (`live`) of a base with these desired users. It cannot be applied."""
    plan = build_plan(request, LiveState(live))
    index, desired = UserIndex.of(base), {user.key: user for user in request.desired}
    return replace(
        plan,
        changes=tuple(
            replace(change, detail=_explain_creation(desired.get(change.key), index))
            if change.action is Action.CREATE
            else change
            for change in plan.changes
        ),
        guards=tuple(guard for guard in plan.guards if guard.name not in _LIVE_GUARDS),
    )


def _explain_creation(user: DesiredUser | None, base: UserIndex) -> str:
    """Explain why a user is created."""
    was = base.find(user) if user is not None else None
    if was is None:
        return "new in the desired state"
    if was.verdict.in_scope:
        return "could not be planned in the base, can be now"
    return f"comes into scope; in the base: {was.verdict.text or was.verdict.reason.value}"


def count_affected(one: Sequence[DesiredUser], other: Sequence[DesiredUser]) -> tuple[int, int]:
    """Count users that both lists have: those in scope in only one, and those with other values."""
    before = {user.key: user for user in one}
    pairs = [(before[user.key], user) for user in other if user.key in before]
    rescoped = sum(old.verdict.in_scope != new.verdict.in_scope for old, new in pairs)
    return rescoped, sum(_collect_values(old) != _collect_values(new) for old, new in pairs)


def _collect_values(user: DesiredUser) -> tuple[object, ...]:
    return user.attributes, user.create_only, user.candidates, user.match, user.failed
