"""Render a plan as text, in Terraform's conventions. Pure: values in, one string out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import fill

from reconciler.core.plan import Attribution, Base, Change, LaterEdit, Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.text import escape_control, pluralize
from reconciler.render.changes import WIDEST, render_as_lines, render_blocks
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.labels import ACTION_STYLES, format_counts
from reconciler.render.plan_view import (
    AdditionalSection,
    BaseComparison,
    Conclusion,
    GuardView,
    PlanView,
    build_plan_view,
)
from reconciler.render.sections import Section
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, YELLOW, Style

_WIDTH = 80


def render_text(plan: Plan, profile: TargetProfile, style: Style, *, summary_only: bool = False) -> str:
    """Render a plan as text. With `summary_only`, one line for each user."""
    view = build_plan_view(plan, profile)
    render = render_as_lines if summary_only else render_blocks
    parts = [
        _offline(view.comparison, style),
        render_diagnostics(view.diagnostics, style),
        _changes(view, style, render) if view.conclusion is None else _conclusion(view.conclusion, style),
        *(_additional(section, style) for section in view.additional),
        _other_changes(view, style),
        render_summary(view, style) if view.conclusion is None else "",
        "".join(f"  {sentence}\n" for sentence in (*view.untouched, style.message(view.unassigned)) if sentence),
        f"{style.paint(style.message(str(view.provisioning)), BOLD, YELLOW)}\n" if view.provisioning else "",
        render_guards(view, style),
    ]
    return "\n".join(part for part in parts if part)


def _offline(comparison: BaseComparison | None, style: Style) -> str:
    """Render the heading of an offline plan, which must not be taken for one of the live service."""
    if comparison is None or not comparison.base.offline:
        return ""
    head = style.paint(f"Offline: compared with {_base(comparison.base)}{comparison.purpose}.", BOLD)
    return "\n".join([head, *comparison.remarks]) + "\n"


def _base(base: Base) -> str:
    return f"{escape_control(str(base))} (the merge base of {escape_control(base.ref)} and HEAD)"


def _changes(view: PlanView, style: Style, render: Callable[[Iterable[Change], Style], str]) -> str:
    return "\n".join(
        [_introduction(view, style), *(_section(section, view, style, render) for section in view.sections)]
    )


def _introduction(view: PlanView, style: Style) -> str:
    text = (
        "Reconciler compared the desired state with the live users and made the following\n"
        "execution plan. Actions are indicated with the following symbols:"
    )
    will = "Reconciler will perform the following actions:"
    if view.comparison is not None and view.comparison.base.offline:
        text = "Actions are indicated with the following symbols:"
        will = "With accounts exactly as the base desires them, Reconciler would perform the following actions:"
    legend = [
        f"  {style.paint(shown.symbol, shown.colour)} {shown.legend}"
        for action, shown in ACTION_STYLES.items()
        if action in view.counts
    ]
    return "\n".join([text, *legend, "", will, ""])


def _section(section: Section, view: PlanView, style: Style, render: Callable[[Iterable[Change], Style], str]) -> str:
    if section.attribution is None:
        return render(section.changes, style)
    changes = render(section.changes, style) if section.changes else "  None.\n"
    return f"{_heading(section, view, style)}\n\n{changes}"


def _heading(section: Section, view: PlanView, style: Style) -> str:
    compared = view.comparison if section.attribution is Attribution.THIS_CHANGE_SET else None
    since = f", since {_base(compared.base)}" if compared is not None else ""
    return f"{style.paint(section.label.heading, BOLD)}{section.label.explanation}{since}:"


def _conclusion(conclusion: Conclusion, style: Style) -> str:
    if not conclusion.is_good:
        return f"{style.paint(conclusion.headline, BOLD)} {conclusion.explanation}\n"
    head = f"{style.paint(conclusion.headline, BOLD, GREEN)} {style.paint(conclusion.explanation, BOLD)}\n"
    return f"{head}\n{fill(conclusion.detail, _WIDTH)}\n" if conclusion.detail else head


def _additional(section: AdditionalSection, style: Style) -> str:
    lines = render_as_lines(section.changes, style) if section.changes else ""
    lines += "".join(f"  {line}\n" for line in render_later_edits(section.edits, style))
    return f"{style.paint(section.heading, BOLD)} ({section.meaning}):\n\n{lines}"


def render_later_edits(edits: Sequence[LaterEdit], style: Style) -> list[str]:
    """Render one line for each edit that changes nothing today."""
    names = [HIDDEN if style.redact else style.value(edit.key) for edit in edits]
    width = min(max(map(len, names), default=0), WIDEST)
    return [f"{name.ljust(width)}  {style.message(edit.detail)}" for name, edit in zip(names, edits, strict=True)]


def _other_changes(view: PlanView, style: Style) -> str:
    if not view.other_changes:
        return ""
    lines = [f"  - {style.message(change)}" for change in view.other_changes]
    return "\n".join(["Apart from users, this change set changes:", *lines]) + "\n"


def render_summary(view: PlanView, style: Style) -> str:
    """Render the summary lines; the last one is the plan's."""
    *sections, plan = view.summary
    return "".join(f"{line}\n" for line in [*sections, f"{style.paint(f'{plan.label}:', BOLD)} {plan.counts}."])


def render_comparison(plan: Plan, style: Style) -> str:
    """Render an offline plan as one paragraph."""
    base = _base(plan.base) if plan.base is not None else "nothing"
    notes = [style.message(note) for note in plan.notes]
    if plan.changes_nothing_today:
        notes.insert(0, f"{pluralize(len(plan.changes_nothing_today), 'edit')} of users without an effect today")
    counts = format_counts(plan.changes)
    return " ".join([f"Compared with {base}, not with the live service: {counts}.", *(f"{note}." for note in notes)])


def render_guards(view: PlanView, style: Style) -> str:
    """Render the guards that did not pass, and how the plan can be applied nevertheless."""
    failed = [guard for guard in view.guards if guard.state != "passed"]
    if not failed:
        return ""
    lines = [_guard(guard, style) for guard in failed]
    if view.blocked:
        lines += ["", style.paint(view.blocked, BOLD, RED), *view.way_out]
    return "\n".join(lines) + "\n"


def _guard(guard: GuardView, style: Style) -> str:
    colour = YELLOW if guard.state == "approved" else RED
    return f"{style.paint(f'{guard.label.capitalize()}:', BOLD, colour)} {style.message(guard.message)}"
