"""The changes of a plan in sections: one, or one per attribution; removals first in each.

Where space is limited, the removals of all sections come before everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Plan
from reconciler.core.planning.attribution import changes_attributed_to
from reconciler.core.text import pluralize
from reconciler.render.labels import ACTION_STYLES, DISPLAY_ORDER, SectionLabel, in_display_order, label_of

_OF_BASE = (Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING)
_OF_DRIFT = (Attribution.EDITED_IN_TARGET, Attribution.NOT_APPLIED, Attribution.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The changes of one action in one section, sorted by user."""

    action: Action
    attribution: Attribution | None
    changes: tuple[Change, ...]

    @property
    def is_removal(self) -> bool:
        """Whether the action removes users."""
        return self.action in REMOVALS

    @property
    def title(self) -> str:
        """Return `2 users will be DEACTIVATED`."""
        return f"{pluralize(len(self.changes), 'user')} {ACTION_STYLES[self.action].heading}"


@dataclass(frozen=True, slots=True)
class Section:
    """The changes with one attribution, in the plan's order. `attribution` None: the only section."""

    attribution: Attribution | None
    changes: tuple[Change, ...]

    @property
    def label(self) -> SectionLabel:
        """The section's heading and label."""
        return label_of(self.attribution)

    @property
    def groups(self) -> tuple[ChangeGroup, ...]:
        """The changes by action in display order; no group is empty."""
        ordered = in_display_order(self.changes)
        found = (
            ChangeGroup(action, self.attribution, tuple(each for each in ordered if each.action is action))
            for action in DISPLAY_ORDER
        )
        return tuple(group for group in found if group.changes)


def split_into_sections(plan: Plan) -> tuple[Section, ...]:
    """Return the plan's changes by attribution; a single section if the plan has no base and no drift.

    Sections of a base may be empty. An offline plan has a single section. So has a plan with a change that would be in
    no section: an edited plan file must not hide a removal.
    """
    single = (Section(None, plan.changes),)
    if plan.offline:
        return single
    attributions = _OF_BASE if plan.base is not None else _OF_DRIFT
    found = tuple(Section(each, changes_attributed_to(plan, each)) for each in attributions)
    if sum(len(section.changes) for section in found) != len(plan.changes):
        return single
    if plan.base is not None:
        return found
    determined = any(section.changes for section in found if section.attribution is not Attribution.UNKNOWN)
    shown = tuple(each for each in found if each.changes or each.attribution is not Attribution.UNKNOWN)
    return shown if plan.drift is not None and determined else single


def removals_first(groups: Sequence[ChangeGroup]) -> list[ChangeGroup]:
    """Return the groups in the order in which they get space."""
    return sorted(groups, key=lambda group: not group.is_removal)
