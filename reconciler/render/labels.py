"""The labels of actions and sections, the same in every output format.

The summary line is an interface: tools parse it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.plan import Action, Attribution, Change
from reconciler.render.style import CYAN, GREEN, RED, YELLOW


@dataclass(frozen=True, slots=True)
class ActionStyle:
    """The symbol, colour, past participle, legend and heading of an action. Its verb is the action's own value."""

    symbol: str
    colour: str
    past: str
    legend: str
    heading: str


ACTION_STYLES: dict[Action, ActionStyle] = {
    Action.CREATE: ActionStyle("+", GREEN, "created", "create", "will be created"),
    Action.UPDATE: ActionStyle("~", YELLOW, "updated", "update in-place", "will be updated in-place"),
    Action.ADOPT: ActionStyle("&", CYAN, "adopted", "adopt: manage an existing account", "will be adopted"),
    Action.RELINK: ActionStyle(">", CYAN, "relinked", "relink: change the externalId", "will be relinked"),
    Action.REACTIVATE: ActionStyle("^", GREEN, "reactivated", "reactivate", "will be reactivated"),
    Action.DEACTIVATE: ActionStyle("!", RED, "deactivated", "deactivate", "will be DEACTIVATED"),
    Action.DELETE: ActionStyle("-", RED, "deleted", "delete", "will be DELETED"),
}
"""In the order of the legend."""
DISPLAY_ORDER = (
    Action.DELETE,
    Action.DEACTIVATE,
    Action.CREATE,
    Action.ADOPT,
    Action.RELINK,
    Action.REACTIVATE,
    Action.UPDATE,
)
"""Removals first, so that no reader misses them."""
_SUMMARY_ORDER = (
    Action.ADOPT,
    Action.RELINK,
    Action.CREATE,
    Action.UPDATE,
    Action.REACTIVATE,
    Action.DEACTIVATE,
    Action.DELETE,
)
_ALWAYS_COUNTED = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
"""Terraform's own actions are counted even when there are none."""


@dataclass(frozen=True, slots=True)
class SectionLabel:
    """A section's heading, the label on one of its changes, and its meaning unless the heading says enough."""

    heading: str
    label: str
    meaning: str
    explanation: str
    """The meaning as the rest of the heading."""


UNATTRIBUTED = SectionLabel("", "", "", "")
SECTION_LABELS = {
    Attribution.THIS_CHANGE_SET: SectionLabel("Changes of this change set", "this change set", "", ""),
    Attribution.ALREADY_PENDING: SectionLabel(
        "Already pending",
        "already pending",
        "Also without this change set: drift, or earlier changes that were not applied.",
        " without it (drift, or earlier changes that were not applied)",
    ),
    Attribution.EDITED_IN_TARGET: SectionLabel(
        "Edited in the target",
        "edited in the target",
        "Manually or by another tool, since an apply left it as desired.",
        " since an apply left it as desired, manually or by another tool",
    ),
    Attribution.NOT_APPLIED: SectionLabel(
        "Not applied",
        "not applied",
        "Git or the date moved on since, or an apply failed or skipped it.",
        " (git or the date moved on since, or an apply failed or skipped it)",
    ),
    Attribution.UNKNOWN: SectionLabel(
        "Undetermined",
        "undetermined",
        "Edited in the target or not applied: the record does not say which.",
        " (edited in the target or not applied: the record does not say which)",
    ),
}


def label_of(attribution: Attribution | None) -> SectionLabel:
    """Return the labels of a section; all empty without an attribution."""
    return SECTION_LABELS[attribution] if attribution is not None else UNATTRIBUTED


def format_counts(changes: Iterable[Change]) -> str:
    """Return `2 to create, 1 to update, 0 to delete`."""
    return _count(changes, "{count} to {verb}")


def format_counts_done(changes: Iterable[Change]) -> str:
    """Return `2 created, 1 updated, 0 deleted`."""
    return _count(changes, "{count} {past}")


def format_numbers(counts: Mapping[Action, int], *, done: bool = False) -> str:
    """Return the same for numbers of changes."""
    return _format(counts, "{count:,} {past}" if done else "{count:,} to {verb}")


def _count(changes: Iterable[Change], form: str) -> str:
    return _format(Counter(change.action for change in changes), form)


def _format(counts: Mapping[Action, int], form: str) -> str:
    return ", ".join(
        form.format(count=counts.get(action, 0), verb=action.value, past=ACTION_STYLES[action].past)
        for action in _SUMMARY_ORDER
        if action in _ALWAYS_COUNTED or counts.get(action)
    )


def in_display_order(changes: Iterable[Change]) -> list[Change]:
    """Return the changes sorted for display: removals first, then by user."""
    position = {action: index for index, action in enumerate(DISPLAY_ORDER)}
    return sorted(changes, key=lambda change: (position[change.action], change.key.casefold(), change.key))
