"""A plan as Markdown, for a comment on a pull request or a step summary.

What strangers wrote stands in code only: it cannot ping, link, close an issue, load an image or run HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from reconciler.core.model import Severity
from reconciler.core.plan import Attribution, Change, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize, shorten
from reconciler.errors import UsageError
from reconciler.render.changes import render_change, render_heading, render_lines
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.labels import (
    CHANGES_NOTHING_TODAY,
    NO_LONGER_PENDING,
    SECTIONS,
    is_unchanged,
    plan_title,
    removal_line,
    summary_lines,
    unaffected_notes,
)
from reconciler.render.sections import ChangeGroup, by_need, group_changes, only_list
from reconciler.render.style import Style
from reconciler.render.templating import Markdown, Templates, fenced
from reconciler.render.text import later_lines, render_guards

LIMITS = {"comment": 64_000, "summary": 1_000_000}
"""Bytes of UTF-8, below GitHub's 65,536 and 1,048,576 so that a workflow can add lines. No text has more characters
than bytes, however they are counted."""
MARKER = "<!-- reconciler:plan"
"""How the first line begins, by which the comment is found again; nothing else in it is an HTML comment."""
_LONGEST = 200
"""Characters of a value: nobody's name takes the place of other people."""
_LONGEST_BLOCK = 8_000
"""Characters of one user."""
_SHARE = 4
"""Messages take at most this part of the room."""


@dataclass(frozen=True, slots=True)
class Section:
    """The changes of one action, or the messages; `code` is "" where none is shown."""

    title: Markdown
    open: bool
    code: Markdown
    left_out: int


@dataclass(frozen=True, slots=True)
class ChangeList:
    """One of the two lists, or all changes where there is no base: then without a heading."""

    heading: Markdown
    meaning: Markdown
    total: int
    left_out: int
    sections: list[Section]


def render_markdown(
    plan: Plan,
    profile: TargetProfile,
    style: Style,
    templates: Templates,
    *,
    limit: int,
    whole_plan_at: str | None = None,
    summary_only: bool = False,
) -> str:
    """The plan in at most `limit` bytes, cut at whole users, removals first. `summary_only`: a line for each user.

    Raises `UsageError` when a template leaves no room for anybody.
    """
    style = replace(style, colour=False, longest=_LONGEST)
    shown_kinds = group_changes(plan)
    changes = [change for kind in by_need(shown_kinds) for change in kind.changes]
    told = render_lines(changes, style) if summary_only else _blocks(changes, style, limit)
    values = _frame(plan, profile, style, whole_plan_at, limit // _SHARE)
    marker = Markdown(f"{MARKER} {re.sub('[^0-9a-z:]', '', plan.plan_id)} -->")
    room = limit
    while True:
        shown = _fitting(told, room)
        lists = _lists(shown_kinds, told[:shown])
        text = templates.markdown(
            "plan.md.j2",
            lists=lists,
            sections=[section for each in lists for section in each.sections],
            left_out=len(changes) - shown,
            total=len(changes),
            **values,
        )
        text = f"{marker}\n{text}"
        excess = len(text.encode()) - limit
        if excess <= 0:
            return text
        if not shown:
            raise UsageError(f"the template alone is {excess:,} bytes longer than the limit of {limit:,}")
        room = sum(map(_size, told[:shown])) - excess


def _blocks(changes: Iterable[Change], style: Style, room: int) -> list[str]:
    """The first blocks, one more at most than there is room for."""
    blocks: list[str] = []
    for change in changes:
        blocks.append(_block(change, style))
        room -= _size(blocks[-1])
        if room < 0:
            break
    return blocks


def _block(change: Change, style: Style) -> str:
    block = render_change(change, style)
    if len(block) <= _LONGEST_BLOCK:
        return block
    return f"{shorten(render_heading(change, style), _LONGEST_BLOCK)}\n  # (too long to be shown here)\n"


def _size(block: str) -> int:
    return len(block.encode()) + 1


def _fitting(blocks: Sequence[str], room: int) -> int:
    """How many of the first blocks there is room for."""
    for number, block in enumerate(blocks):
        room -= _size(block)
        if room < 0:
            return number
    return len(blocks)


def _lists(found: Sequence[ChangeGroup], shown: Sequence[str]) -> list[ChangeList]:
    """The lists that hold somebody; `shown` holds the first changes, in the order in which they get room."""
    blocks, start = {}, 0
    for kind in by_need(found):
        blocks[kind.attribution, kind.action] = shown[start : start + len(kind.changes)]
        start += len(kind.changes)
    lists = []
    for attribution, members in groupby(found, key=lambda kind: kind.attribution):
        sections = [_section(kind, blocks[kind.attribution, kind.action]) for kind in members]
        left_out = sum(section.left_out for section in sections)
        total = sum(len(kind.changes) for kind in found if kind.attribution is attribution)
        words = SECTIONS[attribution] if attribution is not None else None
        heading, meaning = (Markdown(words.heading), Markdown(words.meaning)) if words else (Markdown(), Markdown())
        lists.append(ChangeList(heading, meaning, total, left_out, sections))
    return lists


def _section(kind: ChangeGroup, blocks: Sequence[str]) -> Section:
    code = fenced("\n".join(blocks).rstrip("\n")) if blocks else Markdown()
    told = kind.attribution not in (None, Attribution.THIS_CHANGE_SET)
    label = f", {SECTIONS[kind.attribution].label}" if kind.attribution is not None and told else ""
    return Section(Markdown(f"<b>{kind.title}</b>{label}"), kind.removal, code, len(kind.changes) - len(blocks))


def _frame(plan: Plan, profile: TargetProfile, style: Style, whole_plan_at: str | None, room: int) -> dict[str, Any]:
    """All but the changes."""
    guards = render_guards(plan, style)
    messages = [render_diagnostics([item], style) for item in plan.diagnostics]
    gone = render_lines(plan.no_longer_pending, style)
    later = [f"  {line}" for line in later_lines(plan, style)]
    return {
        "title": Markdown(plan_title(plan, profile)),
        "summary": Markdown(_summary(plan, profile)),
        "base": _base(plan),
        "only_list": Markdown(only_list(plan)),
        "no_longer_pending": _beside("No longer pending", NO_LONGER_PENDING, gone, room // 2),
        "changes_nothing_today": _beside("Changes nothing today", CHANGES_NOTHING_TODAY, later, room // 2),
        "removals": Markdown(removal_line(plan)),
        "guards": _in_room(guards.rstrip("\n").split("\n"), room).code if guards else "",
        "diagnostics": replace(_in_room(messages, room), title=Markdown(_told(plan))) if messages else None,
        "notes": [*map(Markdown, unaffected_notes(plan)), *(shorten(style.words(note), 1_000) for note in plan.notes)],
        "whole_plan_at": whole_plan_at and shorten(whole_plan_at, _LONGEST * 5),
        "plan_id": plan.plan_id,
        "target": shorten(plan.target.base_url, _LONGEST),
        "commit": plan.commit and shorten(plan.commit, _LONGEST),
        "expires": Markdown(f"{plan.expires_at:%Y-%m-%d %H:%M} UTC"),
    }


def _base(plan: Plan) -> dict[str, str | bool] | None:
    """What it was compared with; both words become code."""
    base = plan.base
    if base is None:
        return None
    return {"ref": shorten(base.ref, _LONGEST), "commit": base.commit[:12], "offline": base.offline}


def _beside(heading: str, meaning: str, lines: Sequence[str], room: int) -> Section | None:
    if not lines:
        return None
    section = _in_room(lines, room)
    return replace(section, title=Markdown(f"<b>{heading}: {pluralize(len(lines), 'user')}</b>, {meaning}"), open=False)


def _summary(plan: Plan, profile: TargetProfile) -> str:
    if plan.changes:
        *lists, total = summary_lines(plan, Style()).split("\n")
        return "\n\n".join([*lists, f"**{total}**"])
    if is_unchanged(plan):
        return f"**No changes.** {profile.title} matches the desired state."
    return "**No changes can be planned.** See the messages."


def _told(plan: Plan) -> str:
    """`1 error, 2 warnings`."""
    errors = sum(item.severity is Severity.ERROR for item in plan.diagnostics)
    counts = ((errors, "error"), (len(plan.diagnostics) - errors, "warning"))
    return f"<b>{', '.join(pluralize(count, noun) for count, noun in counts if count)}</b>"


def _in_room(pieces: Sequence[str], room: int) -> Section:
    count = _fitting(pieces, room)
    code = fenced("\n".join(pieces[:count]).rstrip("\n")) if count else Markdown()
    return Section(Markdown(), open=True, code=code, left_out=len(pieces) - count)
