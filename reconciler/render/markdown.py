"""Render a plan as Markdown, for a comment on a pull request or a step summary.

External text is in code only: it cannot mention a user, link, close an issue, load an image or run HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.plan import Attribution, Change, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize, shorten
from reconciler.errors import UsageError
from reconciler.render.changes import render_change, render_heading, render_lines
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.diff_fence import mark_lines
from reconciler.render.fitting import count_fitting, measure
from reconciler.render.labels import label_of
from reconciler.render.plan_view import AdditionalSection, BaseComparison, PlanView, build_plan_view
from reconciler.render.sections import ChangeGroup, Section
from reconciler.render.style import HIDDEN, Style
from reconciler.render.templating import Markdown, Templates, fenced
from reconciler.render.text import render_guards, render_later_edits

LIMITS = {"comment": 64_000, "summary": 1_000_000}
"""Bytes of UTF-8, below GitHub's 65,536 and 1,048,576 so that a workflow can add lines. A text never has more
characters than bytes, however GitHub counts them."""
MARKER = "<!-- reconciler:plan"
"""The beginning of the first line, by which the comment is found again; it is the only HTML comment."""
_LONGEST = 200
"""Characters of a value, so that one long name does not displace other users."""
_LONGEST_BLOCK = 8_000
"""Characters of one user."""
_LONGEST_NOTE = 1_000
_SHARE = 4
"""Messages get at most this part of the space, a quarter."""


@dataclass(frozen=True, slots=True)
class Details:
    """A `<details>` element: the changes of one action, or messages. `code` is "" if none has space."""

    title: Markdown
    open: bool
    code: Markdown
    left_out: int


@dataclass(frozen=True, slots=True)
class MarkdownSection:
    """A section of the plan for the template; `heading` and `meaning` are empty for the only one."""

    heading: Markdown
    meaning: Markdown
    total: int
    left_out: int
    sections: list[Details]


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
    """Render the plan in at most `limit` bytes, cut between users, removals first.

    With `summary_only`, one line for each user. Raises `UsageError` if a template leaves no space for any user.
    """
    style = replace(style, colour=False, longest=_LONGEST)
    view = build_plan_view(plan, profile, whole_plan_at=whole_plan_at or "")
    changes = [change for group in view.groups_by_priority for change in group.changes]
    blocks = render_lines(changes, style) if summary_only else _blocks(changes, style, limit)
    values = {**_frame(view, style, limit // _SHARE), "total": len(changes)}
    marker = Markdown(f"{MARKER} {re.sub('[^0-9a-z:]', '', plan.plan_id)} -->")
    space = limit
    while True:
        shown = count_fitting(blocks, space)
        text = f"{marker}\n{_fill(templates, view, blocks[:shown], values)}"
        excess = len(text.encode()) - limit
        if excess <= 0:
            return text
        if not shown:
            raise UsageError(f"the template alone is {excess:,} bytes longer than the limit of {limit:,}")
        space = sum(map(measure, blocks[:shown])) - excess


def _fill(templates: Templates, view: PlanView, shown: Sequence[str], values: Mapping[str, Any]) -> str:
    lists = _sections(view, shown)
    return templates.markdown(
        "plan.md.j2",
        lists=lists,
        sections=[details for each in lists for details in each.sections],
        left_out=values["total"] - len(shown),
        **values,
    )


def _blocks(changes: Iterable[Change], style: Style, space: int) -> list[str]:
    """Render the first changes, at most one more than there is space for."""
    blocks: list[str] = []
    for change in changes:
        blocks.append(_block(change, style))
        space -= measure(blocks[-1])
        if space < 0:
            break
    return blocks


def _block(change: Change, style: Style) -> str:
    block = render_change(change, style)
    if len(block) <= _LONGEST_BLOCK:
        return block
    return f"{shorten(render_heading(change, style), _LONGEST_BLOCK)}\n  # (too long to be shown here)\n"


def _sections(view: PlanView, shown: Sequence[str]) -> list[MarkdownSection]:
    """Return the sections that have changes. `shown`: the first changes in order of priority."""
    blocks, start = {}, 0
    for group in view.groups_by_priority:
        blocks[group.attribution, group.action] = shown[start : start + len(group.changes)]
        start += len(group.changes)
    return [_section(section, blocks) for section in view.filled_sections]


def _section(section: Section, blocks: Mapping[Any, Sequence[str]]) -> MarkdownSection:
    details = [_group(group, blocks[group.attribution, group.action]) for group in section.groups]
    heading, meaning = Markdown(section.label.heading), Markdown(section.label.meaning)
    left_out = sum(each.left_out for each in details)
    return MarkdownSection(heading, meaning, len(section.changes), left_out, details)


def _group(group: ChangeGroup, blocks: Sequence[str]) -> Details:
    code = fenced(mark_lines("\n".join(blocks).rstrip("\n")), "diff") if blocks else Markdown()
    # A folded element can be read without the heading above it, so its title repeats the label.
    label = "" if group.attribution in (None, Attribution.THIS_CHANGE_SET) else f", {label_of(group.attribution).label}"
    return Details(Markdown(f"<b>{group.title}</b>{label}"), group.is_removal, code, len(group.changes) - len(blocks))


def _frame(view: PlanView, style: Style, space: int) -> dict[str, Any]:
    """Return the values of the template that do not depend on how many changes have space."""
    facts, guards = view.facts, render_guards(view, style)
    additional = {section.id: _additional(section, style, space // 2) for section in view.additional}
    return {
        "title": Markdown(view.title),
        "summary": Markdown(_summary(view)),
        "provisioning": _provisioning(view, style),
        "base": _base(view.comparison),
        "only_list": Markdown(view.empty_section),
        "no_longer_pending": additional.get("no-longer-pending"),
        "changes_nothing_today": additional.get("nothing-today"),
        "removals": Markdown(view.removals),
        "expiry": [shorten(style.message(sentence), _LONGEST) for sentence in view.expiry],
        "guards": _cut(guards.rstrip("\n").split("\n"), space).code if guards else "",
        "diagnostics": _diagnostics(view, style, space),
        "notes": _notes(view, style),
        "whole_plan_at": facts.whole_plan_at and shorten(facts.whole_plan_at, _LONGEST * 5),
        "plan_id": facts.plan_id,
        "target": shorten(facts.target, _LONGEST),
        "commit": facts.commit and shorten(facts.commit, _LONGEST),
        "expires": Markdown(facts.expires),
    }


def _provisioning(view: PlanView, style: Style) -> dict[str, str] | None:
    """Return the notice for the template, where `reason` becomes code."""
    notice = view.provisioning
    if notice is None:
        return None
    reason = HIDDEN if notice.reason and style.redact else shorten(notice.reason, _LONGEST)
    return {"head": Markdown(notice.head), "reason": reason, "meaning": Markdown(notice.meaning)}


def _base(comparison: BaseComparison | None) -> dict[str, str | bool] | None:
    """Return the base for the template, where `ref` and `commit` become code."""
    if comparison is None:
        return None
    base = comparison.base
    return {
        "ref": shorten(base.ref, _LONGEST),
        "commit": base.commit[:12],
        "offline": base.offline,
        "purpose": Markdown(comparison.purpose),
        "remarks": Markdown(" ".join(comparison.remarks)),
    }


def _additional(section: AdditionalSection, style: Style, space: int) -> Details:
    lines = render_lines(section.changes, style) if section.changes else []
    lines += [f"  {line}" for line in render_later_edits(section.edits, style)]
    title = f"<b>{section.heading}: {pluralize(section.count, 'user')}</b>, {section.meaning}"
    return replace(_cut(lines, space), title=Markdown(title), open=False)


def _diagnostics(view: PlanView, style: Style, space: int) -> Details | None:
    messages = [render_diagnostics([item], style) for item in view.diagnostics]
    title = Markdown(f"<b>{view.diagnostics_title}</b>")
    return replace(_cut(messages, space), title=title) if messages else None


def _notes(view: PlanView, style: Style) -> list[str]:
    others = (view.unassigned, *view.other_changes)
    return [*map(Markdown, view.untouched), *(shorten(style.message(note), _LONGEST_NOTE) for note in others if note)]


def _summary(view: PlanView) -> str:
    if view.conclusion is not None:
        return f"**{view.conclusion.headline}** {view.conclusion.explanation}"
    *sections, plan = view.summary
    return "\n\n".join([*map(str, sections), f"**{plan}**"])


def _cut(pieces: Sequence[str], space: int) -> Details:
    count = count_fitting(pieces, space)
    code = fenced("\n".join(pieces[:count]).rstrip("\n")) if count else Markdown()
    return Details(Markdown(), open=True, code=code, left_out=len(pieces) - count)
