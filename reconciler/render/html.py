"""A plan as one HTML page that asks nothing of anybody else: no request leaves it.

It is whole without its script, which only hides what a reader filters out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup

from reconciler.core.model import Severity, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Change, Guard, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import escape_control, pluralize
from reconciler.errors import UsageError
from reconciler.render.changes import history, in_short, mark_of, why
from reconciler.render.diagnostics import diagnosed
from reconciler.render.labels import (
    ACTION_STYLES,
    CHANGES_NOTHING_TODAY,
    DISPLAY_ORDER,
    NO_LONGER_PENDING,
    SECTIONS,
    Words,
    is_unchanged,
    plan_title,
    removal_line,
    summary_lines,
    unaffected_notes,
    way_out,
)
from reconciler.render.sections import ChangeGroup, by_need, group_changes, only_list
from reconciler.render.style import HIDDEN, Style
from reconciler.render.templating import Templates

LONGEST_PAGE = 20_000
"""Changes of a page: beyond it a phone gives up. Removals come first; the page says how many are not in it."""
_MOST_MESSAGES = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute. None: it has no value. `mark`: that it is not this list's doing; "" where it is."""

    path: str
    before: str | None
    after: str | None
    mark: str


@dataclass(frozen=True, slots=True)
class Card:
    """One change."""

    name: str
    heading: str
    why: str
    rows: tuple[Row, ...]
    unchanged: str
    label: str
    """Whose doing it is; "" where there is no base."""


@dataclass(frozen=True, slots=True)
class Group:
    """The changes of one action in one list. `count` is how many there are, `cards` those that are shown."""

    id: str
    action: str
    symbol: str
    title: str
    count: int
    removal: bool
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class ChangeList:
    """One of the two lists, or all changes where there is no base: then without a heading."""

    name: str
    label: str
    heading: str
    meaning: str
    count: int
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Users with no change in the plan and what is to be told of them. `count` is how many there are."""

    id: str
    heading: str
    meaning: str
    count: int
    users: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Told:
    """A diagnostic."""

    severity: str
    summary: str
    place: str
    source: str
    detail: str


def render_html(
    plan: Plan, profile: TargetProfile, style: Style, templates: Templates, *, whole_plan_at: str | None = None
) -> str:
    """The page. Raises `UsageError` for templates that do not work."""
    style = replace(style, colour=False)
    css, script = _inline(templates.text("plan.css")), _inline(templates.text("plan.js"))
    lists = _lists(group_changes(plan), style)
    total = len(plan.changes)
    return templates.html(
        "plan.html.j2",
        css=Markup(css),  # noqa: S704 - a file of the templates
        script=Markup(script),  # noqa: S704
        css_hash=_hash(css),
        script_hash=_hash(script),
        title=plan_title(plan, profile),
        summary=_summary(plan, profile),
        removals=removal_line(plan),
        blocked=plan.blocked,
        way_out=way_out(plan) if plan.blocked else [],
        guards=[(_verdict(guard), style.words(guard.message)) for guard in _failed_first(plan)],
        diagnostics=[_told(plan, number, style) for number in range(min(len(plan.diagnostics), _MOST_MESSAGES))],
        diagnostics_left_out=max(0, len(plan.diagnostics) - _MOST_MESSAGES),
        base=plan.base and replace(plan.base, ref=escape_control(plan.base.ref)),
        only_list=only_list(plan),
        lists=lists,
        groups=[group for each in lists for group in each.groups],
        actions=[(action.value, plan.count(action)) for action in DISPLAY_ORDER if plan.count(action)],
        total=total,
        left_out=max(0, total - LONGEST_PAGE),
        besides=_besides(plan, style),
        notes=[*unaffected_notes(plan), *(style.words(note) for note in plan.notes)],
        facts=_facts(plan, whole_plan_at),
    )


def _inline(text: str) -> str:
    if "</" in text or "<!--" in text:
        raise UsageError("plan.css and plan.js must not hold </ or <!--", "They are written into the page.")
    return text


def _hash(text: str) -> str:
    """As a Content Security Policy names what it lets run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _summary(plan: Plan, profile: TargetProfile) -> str:
    if plan.changes:
        return " ".join(summary_lines(plan, Style()).split("\n"))
    if is_unchanged(plan):
        return f"No changes. {profile.title} matches the desired state."
    return "No changes can be planned. See the messages."


def _failed_first(plan: Plan) -> list[Guard]:
    return sorted(plan.guards[:_MOST_MESSAGES], key=lambda guard: (guard.passed, guard.approved))


def _verdict(guard: Guard) -> str:
    if guard.passed:
        return "passed"
    return "approved" if guard.approved else "blocked"


def _told(plan: Plan, number: int, style: Style) -> Told:
    item = plan.diagnostics[number]
    told = diagnosed(item, style)
    severity = "Error" if item.severity is Severity.ERROR else "Warning"
    return Told(severity, told.summary, told.place, told.source.strip(), told.detail)


def _facts(plan: Plan, whole_plan_at: str | None) -> list[tuple[str, str]]:
    facts = [
        ("Plan", plan.plan_id),
        ("Target", plan.target.base_url),
        ("Commit", plan.commit or ""),
        ("Made", f"{plan.created_at:%Y-%m-%d %H:%M} UTC"),
        ("Expires", f"{plan.expires_at:%Y-%m-%d %H:%M} UTC"),
        ("The whole plan", whole_plan_at or ""),
    ]
    return [(name, escape_control(value)) for name, value in facts if value]


def _lists(found: Sequence[ChangeGroup], style: Style) -> list[ChangeList]:
    """The lists that hold somebody, with no more cards than a page may have."""
    room, groups = LONGEST_PAGE, {}
    for kind in by_need(found):
        groups[kind.attribution, kind.action] = _group(kind, kind.changes[:room], style)
        room -= len(groups[kind.attribution, kind.action].cards)
    lists = []
    for attribution, members in groupby(found, key=lambda kind: kind.attribution):
        inside = tuple(groups[attribution, kind.action] for kind in members)
        count = sum(group.count for group in inside)
        words = SECTIONS[attribution] if attribution is not None else Words("", "", "", "")
        name = attribution.value if attribution is not None else ""
        lists.append(ChangeList(name, words.label, words.heading, words.meaning, count, inside))
    return lists


def _group(kind: ChangeGroup, shown: Sequence[Change], style: Style) -> Group:
    action, attribution = kind.action, kind.attribution
    title, identity, label = kind.title, f"all-{action}", ""
    if attribution is not None:
        label = SECTIONS[attribution].label
        title, identity = f"{title} ({label})", f"{identity}-{attribution.value}"
    cards = tuple(_card(change, label, style) for change in shown)
    return Group(identity, action.value, ACTION_STYLES[action].symbol, title, len(kind.changes), kind.removal, cards)


def _card(change: Change, label: str, style: Style) -> Card:
    """One change, its heading first."""
    rows = tuple(
        Row(
            escape_control(shorten_path(row.path)),
            _shown(row.before, style),
            _shown(row.after, style),
            mark_of(change) if row.path in change.pending else "",
        )
        for row in sorted(change.attribute_changes(), key=lambda row: shorten_path(row.path))
    )
    same = len(change.before.keys() & change.after.keys()) - sum(None not in (row.before, row.after) for row in rows)
    unchanged = pluralize(same, "unchanged attribute") if same else ""
    said = ". ".join(filter(None, [why(change, style), *history(change, style)]))
    return Card(_name(change, style), ACTION_STYLES[change.action].heading, said, rows, unchanged, label)


def _besides(plan: Plan, style: Style) -> list[Beside]:
    """What this change set does besides the changes."""
    gone = [
        (_name(change, style), " ".join(filter(None, (f"{change.action}:", in_short(change, style)))).rstrip(":"))
        for change in plan.no_longer_pending[:_MOST_MESSAGES]
    ]
    later = [
        (HIDDEN if style.redact else _plain(edit.key), style.words(edit.detail))
        for edit in plan.changes_nothing_today[:_MOST_MESSAGES]
    ]
    found = [
        Beside("no-longer-pending", "No longer pending", NO_LONGER_PENDING, len(plan.no_longer_pending), gone),
        Beside("nothing-today", "Changes nothing today", CHANGES_NOTHING_TODAY, len(plan.changes_nothing_today), later),
    ]
    return [each for each in found if each.count]


def _name(change: Change, style: Style) -> str:
    return f"id:{escape_control(change.live_id or 'new')}" if style.redact else _plain(change.key)


def _shown(value: Value | None, style: Style) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    return HIDDEN if style.redact else _plain(value)


def _plain(text: str) -> str:
    """As `quoted`, without the quotes: the page sets values apart."""
    return escape_control(text.replace("\\", "\\\\"))
