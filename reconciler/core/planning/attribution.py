"""Whose doing each change is: this change set's, or already pending because the base commit's plan has it too.

`core.drift` tells the same of drift; `parts` lists both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.plan import Action, AttributeChange, Attribution, Change, Plan


def attributed(plan: Plan, base_plan: Plan | None) -> Plan:
    """`plan` with every change attributed; `base_plan`: the base's, against the same live users, None: there is none.

    The plan stays the same plan: nothing of this is in its id.
    """
    pending = {_whom(change): change for change in base_plan.changes} if base_plan is not None else {}
    changes = tuple(_attributed(change, pending.get(_whom(change))) for change in plan.changes)
    return replace(plan, changes=changes)


def no_longer_pending(plan: Plan, base_plan: Plan) -> tuple[Change, ...]:
    """What the base's plan does to accounts to which `plan` does nothing, whether it needs not or may not.

    Without places in files and an order: nobody is to carry these out.
    """
    still = {_whom(change) for change in plan.changes}
    gone = (change for change in base_plan.changes if _whom(change) not in still)
    return tuple(replace(change, origin=None, requires=(), wave=0) for change in gone)


@dataclass(frozen=True, slots=True)
class AttributionGroup:
    """The changes of a plan that are somebody's doing, in the plan's order."""

    attribution: Attribution
    changes: tuple[Change, ...]


_OF_BASE = (Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING)
_OF_DRIFT = (Attribution.EDITED_IN_TARGET, Attribution.NOT_APPLIED, Attribution.UNKNOWN)


def split_by_attribution_groups(plan: Plan) -> tuple[AttributionGroup, ...]:
    """The lists that readers see; none where nothing is told apart. What cannot be told is one where there is any.

    None either where a change would be in none of them: an edited plan file must not hide whom it removes.
    """
    found = tuple(AttributionGroup(each, of(plan, each)) for each in (_OF_BASE if plan.base is not None else _OF_DRIFT))
    if sum(len(part.changes) for part in found) != len(plan.changes):
        return ()
    if plan.base is not None:
        return found
    told = any(part.changes for part in found if part.attribution is not Attribution.UNKNOWN)
    shown = tuple(part for part in found if part.changes or part.attribution is not Attribution.UNKNOWN)
    return shown if plan.drift is not None and told else ()


def of(plan: Plan, attribution: Attribution) -> tuple[Change, ...]:
    """The changes that are attributed so."""
    return tuple(change for change in plan.changes if change.attribution is attribution)


def _whom(change: Change) -> tuple[str, str]:
    """Whose account it is about: what somebody is called in the files may be what the change set changes."""
    return ("id", change.live_id) if change.live_id is not None else ("new", change.address)


def _attributed(change: Change, pending: Change | None) -> Change:
    if pending is None:
        return replace(change, attribution=Attribution.THIS_CHANGE_SET, pending=())
    if _effect(change) == _effect(pending):
        return replace(change, attribution=Attribution.ALREADY_PENDING, pending=())
    rows = set(pending.attribute_changes())
    same = tuple(row.path for row in change.attribute_changes() if row in rows)
    return replace(change, attribution=Attribution.THIS_CHANGE_SET, pending=same)


def _effect(change: Change) -> tuple[Action, str | None, tuple[AttributeChange, ...]]:
    """What it does to the account. Values that stay are no part of it: another mapping only looks at more of them."""
    rows = () if change.action is Action.DELETE else change.attribute_changes()
    return change.action, change.temporary_user_name, rows
