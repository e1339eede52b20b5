"""The words that all faces use for the actions and lists of a plan, and its summary lines.

The summary line is an interface: tools read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.plan import REMOVALS, Action, Attribution, Change, Plan
from reconciler.core.planning.attribution import AttributionGroup, split_by_attribution_groups
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.render.style import BOLD, CYAN, GREEN, RED, YELLOW, Style


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
    Action.REACTIVATE,
    Action.UPDATE,
)
"""Removals first: they must be impossible to miss."""


@dataclass(frozen=True, slots=True)
class Words:
    """A list's heading, what it is called on one of its changes, and what it means, where that is not plain."""

    heading: str
    label: str
    meaning: str
    explained: str
    """The meaning, as the rest of the heading."""


SECTIONS = {
    Attribution.THIS_CHANGE_SET: Words("Changes of this change set", "this change set", "", ""),
    Attribution.ALREADY_PENDING: Words(
        "Already pending",
        "already pending",
        "Also without this change set: drift, or earlier changes that were not applied.",
        " without it (drift, or earlier changes that were not applied)",
    ),
    Attribution.EDITED_IN_TARGET: Words(
        "Edited in the target",
        "edited in the target",
        "By hand or by another tool, since an apply left it as desired.",
        " since an apply left it as desired, by hand or by another tool",
    ),
    Attribution.NOT_APPLIED: Words(
        "Not applied",
        "not applied",
        "Git or a date moved on since, or an apply failed or left it out.",
        " (git or a date moved on since, or an apply failed or left it out)",
    ),
    Attribution.UNKNOWN: Words(
        "One or the other",
        "one or the other",
        "Edited in the target or not applied: nothing on record tells which.",
        ": nothing on record tells which",
    ),
}
"""Whose doing changes are, in words, in their order: what is to be looked at comes first."""
_SUMMARY_ORDER = (
    Action.ADOPT,
    Action.CREATE,
    Action.UPDATE,
    Action.REACTIVATE,
    Action.DEACTIVATE,
    Action.DELETE,
)
_ALWAYS_COUNTED = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
"""Terraform's own kinds are told even when there are none."""
NO_LONGER_PENDING = "without this change set these would be made, with it they are not"
CHANGES_NOTHING_TODAY = "dates to come, and people who come or go without being in scope"


def is_unchanged(plan: Plan) -> bool:
    """Whether there is nothing to do, rather than nothing that can be done."""
    return plan.complete and not plan.changes and not plan.tally.failed and not plan.tally.withheld


def summary_line(plan: Plan, style: Style) -> str:
    """`Plan: 2 to create, 1 to update, 1 to deactivate, 0 to delete.`; kinds beyond Terraform's are left out when 0."""
    return f"{style.paint('Plan:', BOLD)} {to_do(plan.changes)}."


def summary_lines(plan: Plan, style: Style) -> str:
    """`summary_line`, after a line for each list where changes are told apart by whose doing they are."""
    lines = [f"{summary_of(part)}: {to_do(part.changes)}." for part in split_by_attribution(plan)]
    return "\n".join([*lines, summary_line(plan, style)])


def plan_title(plan: Plan, profile: TargetProfile) -> str:
    """The title of a page about the plan; an offline one must not be taken for one of the live service."""
    return f"Offline comparison, not with the live {profile.title}" if plan.offline else f"Plan for {profile.title}"


def to_do(changes: Iterable[Change]) -> str:
    """`2 to create, 1 to update, 0 to delete`."""
    counts = Counter(change.action for change in changes)
    return counted({action: counts[action] for action in Action}, "{count} to {verb}")


def removal_line(plan: Plan) -> str:
    """`1 user will be DELETED, 2 users will be DEACTIVATED.`; "" when nobody is removed."""
    counts = [(plan.count(action), ACTION_STYLES[action].heading) for action in DISPLAY_ORDER if action in REMOVALS]
    told = ", ".join(f"{pluralize(count, 'user')} {heading}" for count, heading in counts if count)
    by = ", ".join(_removed(part) for part in split_by_attribution(plan))
    return f"{told}{': ' if by else ''}{by}." if told else ""


def _removed(part: AttributionGroup) -> str:
    by = "by " if part.attribution is Attribution.THIS_CHANGE_SET else ""
    return f"{sum(change.action in REMOVALS for change in part.changes):,} {by}{SECTIONS[part.attribution].label}"


def split_by_attribution(plan: Plan) -> tuple[AttributionGroup, ...]:
    """The lists of a plan of the live service that tells whose doing its changes are: offline there is but one."""
    return () if plan.offline else split_by_attribution_groups(plan)


def summary_of(part: AttributionGroup) -> str:
    """What a list is called in the summary."""
    label = SECTIONS[part.attribution].label
    return label[:1].upper() + label[1:]


def counted(counts: Mapping[Action, int], form: str) -> str:
    """Numbers by action in the order of the summary line; `form` uses {count}, {verb} and {past}."""
    return ", ".join(
        form.format(count=counts[action], verb=action.value, past=ACTION_STYLES[action].past)
        for action in _SUMMARY_ORDER
        if action in _ALWAYS_COUNTED or counts[action]
    )


def in_display_order(changes: Iterable[Change]) -> list[Change]:
    """Removals first, then by user."""
    place = {action: index for index, action in enumerate(DISPLAY_ORDER)}
    return sorted(changes, key=lambda change: (place[change.action], change.key.casefold(), change.key))


def unaffected_notes(plan: Plan) -> list[str]:
    """What the plan does not touch, where a reader could wonder: a sentence each."""
    tally = plan.tally
    account = "account of the base" if plan.offline else "live account"
    notes = [
        (tally.unmanaged, account, "is", "are", f"not managed: never touched{_appeared(plan)}"),
        (tally.kept, account, "stays", "stay", "although not desired (lifecycle: keep)"),
        (tally.failed, "user", "has", "have", "mistakes: left untouched, see above"),
    ]
    return [
        f"{pluralize(count, noun)} {one if count == 1 else many} {rest}."
        for count, noun, one, many, rest in notes
        if count
    ]


def _appeared(plan: Plan) -> str:
    before = plan.drift.unmanaged if plan.drift is not None else None
    if before is None or before == plan.tally.unmanaged:
        return ""
    return f" ({before:,} when the last apply was planned)"


def way_out(plan: Plan) -> list[str]:
    """How a blocked plan can be applied all the same, in lines."""
    if any(guard.blocks and not guard.approvable for guard in plan.guards):
        return ["It cannot be approved as it is: remove the cause."]
    removals = plan.count(*REMOVALS)
    return [
        "If it is what you want, approve exactly this plan, in settings.yaml:",
        "",
        "  approvals:",
        f'    - {{plan: "{plan.plan_id}", removals: {removals}, until: {plan.expires_at:%Y-%m-%d}, reason: "…"}}',
        "",
        f"or by hand, with one more flag for `reconciler apply`: --approve {plan.plan_id}",
    ]
