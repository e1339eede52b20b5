"""Whether a change may still be made to a live user, and whether it took effect.

Both by comparing values, never by a status alone. The live users come from a `LiveReader` of *all* mapped attributes
(`reads_everything`): those that flow on create only are verified too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.model import AttributeMapping, AttributePath, Flow, LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.values import is_same_value


def reads_everything(mappings: Sequence[AttributeMapping]) -> tuple[AttributeMapping, ...]:
    """The mappings for a reader that also reads what flows on create only."""
    return tuple(replace(row, flow=Flow.ALWAYS) for row in mappings)


def drifted_attributes(
    change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]
) -> tuple[AttributePath, ...]:
    """The attributes that are no longer as the plan saw them, empty when the change may go ahead.

    A user who is already as planned counts as not moved for that attribute: doing it again does no harm.
    """
    if live is None:
        return ("id",)
    if change.action is Action.ADOPT:
        if live.external_id not in (None, change.after.get("externalId")):
            return ("externalId",)
    elif not live.managed:
        return ("ownership",)
    rows = [row for row in mappings if row.flow is not Flow.CREATE]
    return tuple(
        row.target
        for row in rows
        if not is_same_value(row.attribute, change.before.get(row.target), live.attributes.get(row.target))
        and not is_same_value(row.attribute, change.after.get(row.target), live.attributes.get(row.target))
    )


def unapplied_attributes(
    change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]
) -> tuple[AttributePath, ...]:
    """The attributes whose planned value is not in effect, empty when all are."""
    if change.action is Action.DELETE:
        # Some services deactivate what they are asked to delete; whoever was inactive before must be gone.
        deactivated = live is not None and not live.active and change.before.get("active", True) is True
        return () if live is None or deactivated else ("id",)
    if live is None:
        return ("id",)
    changed = {row.path for row in change.attribute_changes()}
    return tuple(
        row.target
        for row in mappings
        if row.target in changed
        and not is_same_value(row.attribute, change.after.get(row.target), live.attributes.get(row.target))
    )
