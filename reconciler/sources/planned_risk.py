"""Why the plan of an import has to be reviewed: what would happen to accounts, not what the files say. Pure.

An attribute can be a user name, or decide whether a user is in scope; a member can be one of many accounts. Only the
plan shows it.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.model import Severity
from reconciler.core.plan import Action, Attribution, Change, Plan
from reconciler.core.planning.unattended import changes_activity, changes_identity, changes_privileges
from reconciler.core.text import pluralize

_HARMLESS = (Action.CREATE, Action.UPDATE)


def find_planned_obstacles(plan: Plan, base: str, limit: int) -> tuple[str, ...]:
    """Return why a plan is not applied without a review; none: it only creates and updates a few accounts.

    `base`: the commit that it has to be compared with. `limit`: the most accounts.
    """
    obstacles = [f"the plan is blocked by {guard.name}" for guard in plan.guards if guard.blocks]
    if plan.base is None or plan.base.commit != base or plan.offline:
        obstacles.append("the plan was not compared with the commit before the import")
    if not plan.complete:
        obstacles.append("the plan does not know all accounts")
    obstacles += [
        f"the plan {what.format(pluralize(count, 'account'))}"
        for what, is_it in _CHANGES
        if (count := sum(map(is_it, plan.changes)))
    ]
    left_out = plan.tally.failed or sum(item.severity is Severity.ERROR for item in plan.diagnostics)
    for count, what in (
        (left_out, "cannot be planned"),
        (plan.tally.withheld, "would change, but may not (withheld)"),
        (len(plan.changes_nothing_today), "would change on a later day, or not at all"),
    ):
        if count:
            obstacles.append(f"the plan has {pluralize(count, 'user')} that {what}")
    if len(plan.changes) > limit:
        accounts = pluralize(len(plan.changes), "account")
        obstacles.append(f"the plan changes {accounts}, of at most {limit:,} (source.entra.auto_merge)")
    return tuple(obstacles)


def _is_more_than_an_update(change: Change) -> bool:
    return change.action not in _HARMLESS


def _changes_identity(change: Change) -> bool:
    return change.action is Action.UPDATE and (changes_identity(change) or changes_activity(change))


def _changes_privileges(change: Change) -> bool:
    return change.action in _HARMLESS and changes_privileges(change)


def _is_of_another_origin(change: Change) -> bool:
    return change.attribution is not Attribution.THIS_CHANGE_SET or bool(change.pending)


_CHANGES: tuple[tuple[str, Callable[[Change], bool]], ...] = (
    ("deactivates, deletes, reactivates, adopts or relinks {}", _is_more_than_an_update),
    ("changes userName, externalId or active of {}", _changes_identity),
    ("gives {} other roles, entitlements or credentials", _changes_privileges),
    ("has changes of {} that are not, or not only, this import's", _is_of_another_origin),
)
