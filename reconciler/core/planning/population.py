"""How many users and accounts there are once a plan is applied: what incremental plans go on from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.core.model import Severity
from reconciler.core.plan import Action, Change, Population
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.planning.guards.accounts import gains_active_user
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.request import LiveState, PlanRequest

_JOINING = frozenset({Action.CREATE, Action.ADOPT})


def note_population(
    request: PlanRequest, live: LiveState, context: GuardContext, draft: PlanDraft, changes: Sequence[Change]
) -> Population | None:
    """Return the numbers after `changes`; None if the plan is not of all users, or leaves one of them open."""
    is_open = request.unseen or request.only or live.problem or live.awaited or live.unshown
    errors = any(item.severity is Severity.ERROR for item in draft.diagnostics)
    if is_open or errors or draft.unplanned or draft.withheld or request.unconfirmed or request.elsewhere is not None:
        return None
    settled = context.settled.count
    active = settled + sum(user.active for user in context.managed)
    users, managed = settled + len(request.desired), context.count_managed()
    return count_changes(Population(users, managed, active, request.now), changes)


def count_changes(population: Population, changes: Iterable[Change]) -> Population:
    """Return the numbers of accounts after the changes."""
    managed, active = population.managed, population.active
    for change in changes:
        was_active = change.live_id is not None and change.before.get("active") is not False
        managed += (change.action in _JOINING) - (change.action is Action.DELETE)
        match change.action:
            case Action.DELETE | Action.DEACTIVATE:
                active -= was_active
            case _:
                active += gains_active_user(change)
    return replace(population, managed=max(0, managed), active=min(max(0, active), max(0, managed)))
