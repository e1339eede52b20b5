"""Decide whether a change may still be made to a live user, and whether it took effect. Pure.

Both compare values and never rely on a status alone. The live users come from a `LiveReader` of *all* mapped attributes
(`reads_everything`), so that attributes that flow on create only are verified too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core import paths
from reconciler.core.model import AttributeMapping, AttributePath, Flow, LiveUser, Resource
from reconciler.core.plan import Action, Change, FormDifference
from reconciler.core.planning.element_matching import settle_elements
from reconciler.core.profile import Attribute
from reconciler.core.values import differs_in_case, is_same_form, is_same_value


def reads_everything(mappings: Sequence[AttributeMapping]) -> tuple[AttributeMapping, ...]:
    """Return the mappings for a reader that also reads attributes that flow on create only."""
    return tuple(replace(row, flow=Flow.ALWAYS) for row in mappings)


def drifted_attributes(
    change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]
) -> tuple[AttributePath, ...]:
    """Return the attributes that changed since the plan was made; empty if the change may be made.

    An attribute that already has its planned value has not drifted: setting it again does no harm.
    """
    if live is None:
        return ("id",)
    if change.action is Action.ADOPT:
        if live.external_id not in (None, change.after.get("externalId")):
            return ("externalId",)
    elif not live.managed:
        return ("ownership",)
    live = settle(change, live, mappings)
    rows = [row for row in mappings if row.flow is not Flow.CREATE]
    return tuple(row.target for row in rows if _has_drifted(row.attribute, change, live))


def _has_drifted(attribute: Attribute, change: Change, live: LiveUser) -> bool:
    path = attribute.path
    before, after, shown = change.before.get(path), change.after.get(path), live.attributes.get(path)
    if path == "active" and live.omits_active and shown is not True:
        # If the list showed it and a read by id does not, leaving it out after a deactivation proves nothing.
        return before is True and after is not True
    return not is_same_value(attribute, before, shown) and not is_same_value(attribute, after, shown)


def is_already_applied(change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]) -> bool:
    """Whether the account certainly has the planned values, so that nothing needs to be sent."""
    sets_active = change.before.get("active") != change.after.get("active")
    doubtful = live is not None and live.lacks_active and sets_active
    return not doubtful and not unapplied_attributes(change, live, mappings)


def unapplied_attributes(
    change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]
) -> tuple[AttributePath, ...]:
    """Return the attributes whose planned value is not in effect; empty if all are."""
    if change.action is Action.DELETE:
        # Some services deactivate what they are asked to delete; a user that was inactive before must be gone.
        deactivated = live is not None and not live.active and change.before.get("active", True) is True
        return () if live is None or deactivated else ("id",)
    if live is None:
        return ("id",)
    live = settle(change, live, mappings)
    changed = {row.path for row in change.attribute_changes()}
    return tuple(
        row.target for row in mappings if row.target in changed and not _is_in_effect(row.attribute, change, live)
    )


def contradicts(change: Change, shown: LiveUser, mappings: Sequence[AttributeMapping]) -> bool:
    """Whether an answer shows another value of a changed attribute than was sent; leaving it out shows nothing."""
    values = dict(settle(change, shown, mappings).attributes)
    if shown.lacks_active:
        values.pop("active", None)
    return any(path in values for path in unapplied_attributes(change, shown, mappings))


def settle(change: Change, live: LiveUser, mappings: Sequence[AttributeMapping]) -> LiveUser:
    """Return the live user with the elements that the change is about, also without what their filters name."""
    return settle_elements(live, change.before, change.after, mappings, created=change.live_id is None)


def _is_in_effect(attribute: Attribute, change: Change, live: LiveUser) -> bool:
    wanted, shown = change.after.get(attribute.path), live.attributes.get(attribute.path)
    if attribute.path == "active" and live.omits_active and change.action is Action.CREATE:
        return True  # nothing shows that a new account is not as it was sent
    if differs_in_case(attribute, change.before.get(attribute.path), wanted):
        return wanted == shown  # the change of case is the change
    return is_same_value(attribute, wanted, shown)


def find_form_differences(
    change: Change, live: LiveUser | None, mappings: Sequence[AttributeMapping]
) -> tuple[FormDifference, ...]:
    """Return the planned values that are in effect in another form; empty unless that is all that is missing."""
    if live is None or change.action is Action.DELETE:
        return ()
    live = settle(change, live, mappings)
    changed = {row.path for row in change.attribute_changes()}
    found = []
    for row in mappings:
        sent, shown = change.after.get(row.target), live.attributes.get(row.target)
        same = row.target not in changed or _is_in_effect(row.attribute, change, live)
        if same and not (row.target in changed and differs_in_case(row.attribute, sent, shown)):
            continue
        if sent is None or shown is None or not is_same_form(row.attribute, sent, shown):
            return ()
        found.append(FormDifference(row.target, sent, shown))
    return tuple(found)


def shows_all_changes(change: Change, answer: Resource) -> bool:
    """Whether an answer to a write has every changed attribute: what it leaves out is to be read, never assumed.

    So is an attribute to be cleared: left out it may be unassigned, or only not shown.
    """
    changed = [row.path for row in change.attribute_changes()]
    return all(
        change.after.get(path) is not None and paths.compile_reader(paths.parse(path))(answer) is not None
        for path in changed
    )
