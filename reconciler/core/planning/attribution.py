"""Attribute changes: to this change set, or already pending because the plan of the base commit has them too.

`history.drift` attributes the changes of a plan with drift. `render.sections` splits a plan for display.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.plan import Action, AttributeChange, Attribution, Change, Plan


def attribute_plan(plan: Plan, base_plan: Plan | None) -> Plan:
    """Return `plan` with every change attributed. `base_plan` is the base's plan for the same live users, if any.

    The plan id does not cover attribution, so it stays the same.
    """
    pending = {_account(change): change for change in base_plan.changes} if base_plan is not None else {}
    changes = tuple(_attribute(change, pending.get(_account(change))) for change in plan.changes)
    return replace(plan, changes=changes)


def no_longer_pending(plan: Plan, base_plan: Plan) -> tuple[Change, ...]:
    """Return the changes of the base's plan to accounts that `plan` does not change.

    They are for display only, so they have no origin and no order.
    """
    changed = {_account(change) for change in plan.changes}
    gone = (change for change in base_plan.changes if _account(change) not in changed)
    return tuple(replace(change, origin=None, requires=(), wave=0) for change in gone)


def changes_attributed_to(plan: Plan, attribution: Attribution) -> tuple[Change, ...]:
    """Return the changes with this attribution."""
    return tuple(change for change in plan.changes if change.attribution is attribution)


def _account(change: Change) -> tuple[str, str]:
    """Identify the account of a change. Not by name where there is an id: a change set may rename the user."""
    return ("id", change.live_id) if change.live_id is not None else ("new", change.address)


def _attribute(change: Change, pending: Change | None) -> Change:
    if pending is None:
        return replace(change, attribution=Attribution.THIS_CHANGE_SET, pending=())
    if _effect(change) == _effect(pending):
        return replace(change, attribution=Attribution.ALREADY_PENDING, pending=())
    rows = set(pending.attribute_changes())
    same = tuple(row.path for row in change.attribute_changes() if row in rows)
    return replace(change, attribution=Attribution.THIS_CHANGE_SET, pending=same)


def _effect(change: Change) -> tuple[Action, str | None, tuple[AttributeChange, ...]]:
    """Return what the change does to the account, without unchanged values: those depend on the mappings."""
    rows = () if change.action is Action.DELETE else change.attribute_changes()
    return change.action, change.temporary_user_name, rows
