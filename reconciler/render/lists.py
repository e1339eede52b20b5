"""The changes of a plan as a reader gets them: one list, or two where a base tells them apart; removals first in each.

Where there is not room for everybody, removals of both lists come before all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import REMOVALS, Action, Attribution, Change, Plan
from reconciler.core.text import plural
from reconciler.render.text import FOR_READERS, LOOKS, apart, for_readers


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


@dataclass(frozen=True, slots=True)
class Words:
    """A list's heading, what it is called on one of its changes, and what it means, where that is not plain."""

    heading: str
    label: str
    meaning: str


LISTS = {
    Attribution.THIS_CHANGE_SET: Words("Changes of this change set", "this change set", ""),
    Attribution.ALREADY_PENDING: Words(
        "Already pending",
        "already pending",
        "Also without this change set: drift, or earlier changes that were not applied.",
    ),
}
"""In their order: what is to be reviewed comes first."""


def kinds(plan: Plan) -> list[Kind]:
    """All changes in the order in which they are shown; none is empty."""
    lists = apart(plan)
    if lists is None:
        return _kinds(None, plan.changes)
    return [
        *_kinds(Attribution.THIS_CHANGE_SET, lists.this_change_set),
        *_kinds(Attribution.ALREADY_PENDING, lists.already_pending),
    ]


def _kinds(attribution: Attribution | None, changes: Sequence[Change]) -> list[Kind]:
    ordered = for_readers(changes)
    found = (Kind(action, attribution, tuple(c for c in ordered if c.action is action)) for action in FOR_READERS)
    return [kind for kind in found if kind.changes]


def by_need(found: Sequence[Kind]) -> list[Kind]:
    """The order in which they get room."""
    return sorted(found, key=lambda kind: not kind.removal)


def only_list(plan: Plan) -> str:
    """Of two lists one of which is empty: a sentence that says so."""
    lists = apart(plan)
    if lists is None or not plan.changes or (lists.this_change_set and lists.already_pending):
        return ""
    if lists.this_change_set:
        return "Nothing was already pending: all changes are those of this change set."
    return "This change set adds no change: all of them were already pending."
