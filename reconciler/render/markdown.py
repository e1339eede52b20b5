"""A plan as Markdown, for a comment on a pull request or a step summary.

What strangers wrote stands in code only: it cannot ping, link, close an issue, load an image or run HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.model import REMOVALS, Change, Plan, Severity
from reconciler.core.profile import TargetProfile
from reconciler.core.text import plural, shortened
from reconciler.errors import UsageError
from reconciler.render.templating import Markdown, Templates, fenced
from reconciler.render.text import (
    FOR_READERS,
    LOOKS,
    Style,
    for_readers,
    is_unchanged,
    plan_title,
    removal_line,
    render_change,
    render_diagnostics,
    render_guards,
    render_heading,
    render_lines,
    summary_lines,
    untouched,
)

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
    changes = for_readers(plan.changes)
    told = render_lines(changes, style) if summary_only else _blocks(changes, style, limit)
    values = _frame(plan, profile, style, whole_plan_at, limit // _SHARE)
    marker = Markdown(f"{MARKER} {re.sub('[^0-9a-z:]', '', plan.plan_id)} -->")
    room = limit
    while True:
        shown = _fitting(told, room)
        sections = _sections(changes, told[:shown])
        left_out = len(changes) - shown
        text = templates.markdown("plan.md.j2", sections=sections, left_out=left_out, total=len(changes), **values)
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
    return f"{shortened(render_heading(change, style), _LONGEST_BLOCK)}\n  # (too long to be shown here)\n"


def _size(block: str) -> int:
    return len(block.encode()) + 1


def _fitting(blocks: Sequence[str], room: int) -> int:
    """How many of the first blocks there is room for."""
    for number, block in enumerate(blocks):
        room -= _size(block)
        if room < 0:
            return number
    return len(blocks)


def _sections(changes: Sequence[Change], shown: Sequence[str]) -> list[Section]:
    """The changes by action; `shown` holds the first of them."""
    sections, start = [], 0
    for action in FOR_READERS:
        count = sum(change.action is action for change in changes)
        if count:
            blocks = shown[start : start + count]
            code = fenced("\n".join(blocks).rstrip("\n")) if blocks else Markdown()
            title = Markdown(f"<b>{plural(count, 'user')} {LOOKS[action].heading}</b>")
            sections.append(Section(title, action in REMOVALS, code, count - len(blocks)))
            start += count
    return sections


def _frame(plan: Plan, profile: TargetProfile, style: Style, whole_plan_at: str | None, room: int) -> dict[str, Any]:
    """All but the changes."""
    guards = render_guards(plan, style)
    messages = [render_diagnostics([item], style) for item in plan.diagnostics]
    return {
        "title": Markdown(plan_title(plan, profile)),
        "summary": Markdown(_summary(plan, profile)),
        "removals": Markdown(removal_line(plan)),
        "guards": _in_room(guards.rstrip("\n").split("\n"), room).code if guards else "",
        "diagnostics": replace(_in_room(messages, room), title=Markdown(_told(plan))) if messages else None,
        "notes": [*map(Markdown, untouched(plan)), *(shortened(style.words(note), 1_000) for note in plan.notes)],
        "whole_plan_at": whole_plan_at and shortened(whole_plan_at, _LONGEST * 5),
        "plan_id": plan.plan_id,
        "target": shortened(plan.target.base_url, _LONGEST),
        "commit": plan.commit and shortened(plan.commit, _LONGEST),
        "expires": Markdown(f"{plan.expires_at:%Y-%m-%d %H:%M} UTC"),
    }


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
    return f"<b>{', '.join(plural(count, noun) for count, noun in counts if count)}</b>"


def _in_room(pieces: Sequence[str], room: int) -> Section:
    count = _fitting(pieces, room)
    code = fenced("\n".join(pieces[:count]).rstrip("\n")) if count else Markdown()
    return Section(Markdown(), open=True, code=code, left_out=len(pieces) - count)
