"""The changes of a plan as a reader gets them: one list, or several where they are told apart; removals first in each.

Where there is not room for everybody, removals of all lists come before all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Plan
from reconciler.core.text import pluralize
from reconciler.render.labels import ACTION_STYLES, DISPLAY_ORDER, in_display_order, split_by_attribution


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The changes of one action in one list, by user. `attribution` None: there is but one list."""

    action: Action
    attribution: Attribution | None
    changes: tuple[Change, ...]

    @property
    def removal(self) -> bool:
        """Whether somebody is removed."""
        return self.action in REMOVALS

    @property
    def title(self) -> str:
        """`2 users will be DEACTIVATED`."""
        return f"{pluralize(len(self.changes), 'user')} {ACTION_STYLES[self.action].heading}"


def group_changes(plan: Plan) -> list[ChangeGroup]:
    """All changes in the order in which they are shown; none is empty."""
    lists = split_by_attribution(plan)
    if not lists:
        return _group_changes(None, plan.changes)
    return [kind for part in lists for kind in _group_changes(part.attribution, part.changes)]


def _group_changes(attribution: Attribution | None, changes: Sequence[Change]) -> list[ChangeGroup]:
    ordered = in_display_order(changes)
    found = (
        ChangeGroup(action, attribution, tuple(c for c in ordered if c.action is action)) for action in DISPLAY_ORDER
    )
    return [kind for kind in found if kind.changes]


def by_need(found: Sequence[ChangeGroup]) -> list[ChangeGroup]:
    """The order in which they get room."""
    return sorted(found, key=lambda kind: not kind.removal)


def only_list(plan: Plan) -> str:
    """Of the two lists of a base one of which is empty: a sentence that says so."""
    lists = split_by_attribution(plan)
    if plan.base is None or not lists or not plan.changes or all(part.changes for part in lists):
        return ""
    if lists[0].changes:
        return "Nothing was already pending: all changes are those of this change set."
    return "This change set adds no change: all of them were already pending."
