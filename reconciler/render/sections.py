"""The changes of a plan as a reader gets them: one list, or several where they are told apart; removals first in each.

Where there is not room for everybody, removals of all lists come before all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Plan
from reconciler.core.text import plural
from reconciler.render.labels import FOR_READERS, LOOKS, apart, for_readers


@dataclass(frozen=True, slots=True)
class Kind:
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
        return f"{plural(len(self.changes), 'user')} {LOOKS[self.action].heading}"


def kinds(plan: Plan) -> list[Kind]:
    """All changes in the order in which they are shown; none is empty."""
    lists = apart(plan)
    if not lists:
        return _kinds(None, plan.changes)
    return [kind for part in lists for kind in _kinds(part.attribution, part.changes)]


def _kinds(attribution: Attribution | None, changes: Sequence[Change]) -> list[Kind]:
    ordered = for_readers(changes)
    found = (Kind(action, attribution, tuple(c for c in ordered if c.action is action)) for action in FOR_READERS)
    return [kind for kind in found if kind.changes]


def by_need(found: Sequence[Kind]) -> list[Kind]:
    """The order in which they get room."""
    return sorted(found, key=lambda kind: not kind.removal)


def only_list(plan: Plan) -> str:
    """Of the two lists of a base one of which is empty: a sentence that says so."""
    lists = apart(plan)
    if plan.base is None or not lists or not plan.changes or all(part.changes for part in lists):
        return ""
    if lists[0].changes:
        return "Nothing was already pending: all changes are those of this change set."
    return "This change set adds no change: all of them were already pending."
