"""Render a plan as one HTML page that loads nothing and sends nothing.

It is complete without its script, which only hides what a reader filters out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from reconciler.core.model import Diagnostic, Value
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Change, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import escape_control
from reconciler.errors import UsageError
from reconciler.render.changes import describe_effect, explain_change, history_of, mark_of
from reconciler.render.diagnostics import DiagnosticParts, format_diagnostic
from reconciler.render.labels import ACTION_STYLES, label_of
from reconciler.render.plan_view import AdditionalSection, BaseComparison, PlanView, build_plan_view
from reconciler.render.sections import ChangeGroup, Section
from reconciler.render.style import HIDDEN, Style
from reconciler.render.templating import Templates

LONGEST_PAGE = 20_000
"""Changes of a page: a phone cannot show more. Removals come first; the page says how many changes it leaves out."""
_MOST_MESSAGES = 2_000


@dataclass(frozen=True, slots=True)
class CardRow:
    """One attribute; None is unassigned. `mark`: why it changes, unless the section says so."""

    path: str
    before: str | None
    after: str | None
    mark: str


@dataclass(frozen=True, slots=True)
class Card:
    """One change. `label` is that of its section."""

    name: str
    heading: str
    why: str
    rows: tuple[CardRow, ...]
    unchanged: tuple[tuple[str, str | None], ...]
    """Path and value."""
    label: str


@dataclass(frozen=True, slots=True)
class CardGroup:
    """The changes of one action in one section: `count` of them, of which `cards` are shown."""

    id: str
    action: str
    symbol: str
    title: str
    count: int
    removal: bool
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class HtmlSection:
    """A section of the plan for the template; `heading` and `meaning` are empty for the only one."""

    name: str
    label: str
    heading: str
    meaning: str
    count: int
    groups: tuple[CardGroup, ...]


@dataclass(frozen=True, slots=True)
class UserList:
    """Users without a change in the plan, with a sentence each: `count` of them, of which `users` are shown."""

    id: str
    heading: str
    meaning: str
    count: int
    users: list[tuple[str, str]]


def render_html(
    plan: Plan,
    profile: TargetProfile,
    style: Style,
    templates: Templates,
    *,
    whole_plan_at: str | None = None,
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """Render the page. `pages`: files and titles of the site that it is a part of.

    Raises `UsageError` if a template does not work.
    """
    style = replace(style, colour=False)
    view = build_plan_view(plan, profile, whole_plan_at=whole_plan_at or "")
    css, script = _inline(templates.style("plan.css")), _inline(templates.text("plan.js"))
    return templates.html(
        "plan.html.j2",
        css=Markup(css),  # noqa: S704 - a file of the templates
        script=Markup(script),  # noqa: S704
        css_hash=_hash(css),
        script_hash=_hash(script),
        pages=pages,
        **_header(view, style),
        **_changes(view, style),
        **_messages(view, style),
    )


def _inline(text: str) -> str:
    if "</" in text or "<!--" in text:
        raise UsageError(
            "base.css, plan.css and plan.js must not contain </ or <!--", "They are written into the page."
        )
    return text


def _hash(text: str) -> str:
    """Return the hash by which a Content Security Policy permits a style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# --- the header -----------------------------------------------------------------------------------


def _header(view: PlanView, style: Style) -> dict[str, Any]:
    return {
        "title": view.title,
        "summary": _summary(view),
        "provisioning": style.message(str(view.provisioning)) if view.provisioning is not None else "",
        "removals": view.removals,
        "blocked": view.blocked,
        "way_out": view.way_out,
        "base": _base(view.comparison),
        "only_list": view.empty_section,
        "facts": [(label, escape_control(value)) for label, value in view.facts.labelled()],
    }


def _summary(view: PlanView) -> str:
    if view.conclusion is not None:
        return f"{view.conclusion.headline} {view.conclusion.explanation}"
    return " ".join(map(str, view.summary))


def _base(comparison: BaseComparison | None) -> dict[str, str | bool] | None:
    if comparison is None:
        return None
    base = comparison.base
    return {
        "ref": escape_control(base.ref),
        "commit": base.commit,
        "offline": base.offline,
        "purpose": comparison.purpose,
        "remarks": " ".join(comparison.remarks),
    }


# --- the changes ----------------------------------------------------------------------------------


def _changes(view: PlanView, style: Style) -> dict[str, Any]:
    lists, total = _sections(view, style), sum(view.counts.values())
    return {
        "lists": lists,
        "groups": [group for section in lists for group in section.groups],
        "actions": [(action.value, count) for action, count in view.counts.items()],
        "total": total,
        "left_out": max(0, total - LONGEST_PAGE),
        "additional_sections": [_additional(section, style) for section in view.additional],
    }


def _sections(view: PlanView, style: Style) -> list[HtmlSection]:
    """Return the sections that have changes, with at most as many cards as a page may have."""
    space, groups = LONGEST_PAGE, {}
    for group in view.groups_by_priority:
        found = groups[group.attribution, group.action] = _group(group, group.changes[:space], style)
        space -= len(found.cards)
    return [_section(section, groups) for section in view.filled_sections]


def _section(section: Section, groups: Mapping[Any, CardGroup]) -> HtmlSection:
    name = section.attribution.value if section.attribution is not None else ""
    inside = tuple(groups[group.attribution, group.action] for group in section.groups)
    label = section.label
    return HtmlSection(name, label.label, label.heading, label.meaning, len(section.changes), inside)


def _group(group: ChangeGroup, shown: Sequence[Change], style: Style) -> CardGroup:
    action, attribution = group.action, group.attribution
    title, identity, label = group.title, f"all-{action}", label_of(attribution).label
    if attribution is not None:
        title, identity = f"{title} ({label})", f"{identity}-{attribution.value}"
    return CardGroup(
        id=identity,
        action=action.value,
        symbol=ACTION_STYLES[action].symbol,
        title=title,
        count=len(group.changes),
        removal=group.is_removal,
        cards=tuple(_card(change, label, style) for change in shown),
    )


def _card(change: Change, label: str, style: Style) -> Card:
    changes = {row.path: row for row in change.attribute_changes()}
    rows = tuple(
        CardRow(
            escape_control(shorten_path(path)),
            _value(row.before, style),
            _value(row.after, style),
            mark_of(change) if path in change.pending else "",
        )
        for path, row in sorted(changes.items(), key=lambda item: shorten_path(item[0]))
    )
    same = sorted(change.before.keys() & change.after.keys() - changes.keys(), key=shorten_path)
    unchanged = tuple((escape_control(shorten_path(path)), _value(change.after[path], style)) for path in same)
    why = ". ".join(filter(None, [explain_change(change, style), *history_of(change, style)]))
    return Card(_name(change, style), ACTION_STYLES[change.action].heading, why, rows, unchanged, label)


def _additional(section: AdditionalSection, style: Style) -> UserList:
    users = [(_name(change, style), _effect(change, style)) for change in section.changes[:_MOST_MESSAGES]]
    users += [
        (HIDDEN if style.redact else _plain(edit.key), style.message(edit.detail))
        for edit in section.edits[:_MOST_MESSAGES]
    ]
    return UserList(section.id, section.heading, section.meaning, section.count, users)


def _effect(change: Change, style: Style) -> str:
    effect = describe_effect(change, style)
    return f"{change.action}: {effect}" if effect else change.action.value


def _name(change: Change, style: Style) -> str:
    return f"id:{escape_control(change.live_id or 'new')}" if style.redact else _plain(change.key)


def _value(value: Value | None, style: Style) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    return HIDDEN if style.redact else _plain(value)


def _plain(text: str) -> str:
    """Escape as `quote` does, without the quotes: the page sets values apart."""
    return escape_control(text.replace("\\", "\\\\"))


# --- the messages ---------------------------------------------------------------------------------


def _messages(view: PlanView, style: Style) -> dict[str, Any]:
    diagnostics = view.diagnostics[:_MOST_MESSAGES]
    return {
        "guards": [
            {"state": guard.state, "label": guard.label, "message": style.message(guard.message)}
            for guard in view.guards[:_MOST_MESSAGES]
        ],
        "diagnostics": [_diagnostic(item, style) for item in diagnostics],
        "diagnostics_left_out": len(view.diagnostics) - len(diagnostics),
        "notes": [*view.untouched, *(style.message(note) for note in (view.unassigned, *view.other_changes) if note)],
    }


def _diagnostic(item: Diagnostic, style: Style) -> DiagnosticParts:
    parts = format_diagnostic(item, style)
    return replace(parts, source=parts.source.strip())
