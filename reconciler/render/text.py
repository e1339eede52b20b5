"""A plan as text, in Terraform's conventions. Pure: values in, one string out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.core.plan import Attribution, Base, Change, Guard, Plan
from reconciler.core.planning.attribution import AttributionGroup
from reconciler.core.profile import TargetProfile
from reconciler.core.text import escape_control, pluralize
from reconciler.render.changes import WIDEST, render_as_lines, render_blocks
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.labels import (
    ACTION_STYLES,
    CHANGES_NOTHING_TODAY,
    NO_LONGER_PENDING,
    SECTIONS,
    is_unchanged,
    split_by_attribution,
    summary_lines,
    to_do,
    unaffected_notes,
    way_out,
)
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, YELLOW, Style


def render_text(plan: Plan, profile: TargetProfile, style: Style, *, summary_only: bool = False) -> str:
    """The plan for a person. `summary_only`: a line for each user."""
    parts = [_offline(plan, style), render_diagnostics(plan.diagnostics, style)]
    if plan.changes:
        parts.append(_intro(plan, style))
        parts.append(_changes(plan, style, render_as_lines if summary_only else render_blocks))
        parts.append(_beside(plan, style))
        parts.append(f"{summary_lines(plan, style)}\n")
    elif is_unchanged(plan):
        parts.append(_no_changes(plan, profile, style))
        parts.append(_beside(plan, style))
    else:
        parts.append(style.paint("No changes can be planned.", BOLD) + " See the messages above.\n")
        parts.append(_beside(plan, style))
    parts.append(_also(plan))
    parts.append(render_guards(plan, style))
    return "\n".join(part for part in parts if part)


def _intro(plan: Plan, style: Style) -> str:
    legend = [
        f"  {style.paint(look.symbol, look.colour)} {look.legend}"
        for action, look in ACTION_STYLES.items()
        if plan.count(action)
    ]
    text = (
        "Reconciler compared the desired state with the live users and made the following\n"
        "execution plan. Actions are indicated with the following symbols:"
    )
    will = "Reconciler will perform the following actions:"
    if plan.offline:
        text = "Actions are indicated with the following symbols:"
        will = "With accounts just as the base desires them, Reconciler would perform the following actions:"
    return "\n".join([text, *legend, "", will, ""])


def _offline(plan: Plan, style: Style) -> str:
    """The heading of a plan that must not be taken for one of the live service."""
    if plan.base is None or not plan.offline:
        return ""
    head = style.paint(f"Offline: compared with {_base(plan.base)}, not with the live service.", BOLD)
    return (
        f"{head}\nDrift, earlier changes that were not applied, and who has an account already do not show here.\n"
        "This cannot be applied.\n"
    )


def _base(base: Base) -> str:
    return f"{escape_control(str(base))} (the merge base of {escape_control(base.ref)} and HEAD)"


def _changes(plan: Plan, style: Style, show: Callable[[Iterable[Change], Style], str]) -> str:
    """All changes, in lists where they are told apart by whose doing they are."""
    shown = split_by_attribution(plan)
    if not shown:
        return show(plan.changes, style)
    return "\n".join(
        f"{_part_heading(part, plan, style)}\n\n{show(part.changes, style) if part.changes else '  None.' + chr(10)}"
        for part in shown
    )


def _part_heading(part: AttributionGroup, plan: Plan, style: Style) -> str:
    words = SECTIONS[part.attribution]
    base = f", since {_base(plan.base)}" if plan.base and part.attribution is Attribution.THIS_CHANGE_SET else ""
    return f"{style.paint(words.heading, BOLD)}{words.explained}{base}:"


def _beside(plan: Plan, style: Style) -> str:
    """What this change set does besides the changes of the plan."""
    parts = []
    if plan.no_longer_pending:
        head = style.paint("No longer pending", BOLD) + f" ({NO_LONGER_PENDING}):"
        parts.append(f"{head}\n\n{render_as_lines(plan.no_longer_pending, style)}")
    if plan.changes_nothing_today:
        lines = "".join(f"  {line}\n" for line in later_lines(plan, style))
        parts.append(f"{style.paint('Changes nothing today', BOLD)} ({CHANGES_NOTHING_TODAY}):\n\n{lines}")
    return "\n".join([*parts, notes] if (notes := render_notes(plan, style)) else parts)


def later_lines(plan: Plan, style: Style) -> list[str]:
    """One line for each edit that changes nothing today."""
    edits = plan.changes_nothing_today
    names = [HIDDEN if style.redact else style.value(edit.key) for edit in edits]
    width = min(max(map(len, names), default=0), WIDEST)
    return [f"{name.ljust(width)}  {style.words(edit.detail)}" for name, edit in zip(names, edits, strict=True)]


def render_notes(plan: Plan, style: Style) -> str:
    """What is different from the base besides users."""
    if not plan.notes:
        return ""
    lines = [style.words(note) for note in plan.notes]
    return "\n".join(["Besides users, this change set changes:", *(f"  - {line}" for line in lines)]) + "\n"


def render_comparison(plan: Plan, style: Style) -> str:
    """An offline plan as one paragraph."""
    base = _base(plan.base) if plan.base is not None else "nothing"
    notes = [style.words(note) for note in plan.notes]
    if plan.changes_nothing_today:
        notes.insert(0, f"{pluralize(len(plan.changes_nothing_today), 'edit')} of users without an effect today")
    return " ".join(
        [f"Compared with {base}, not with the live service: {to_do(plan.changes)}.", *(f"{note}." for note in notes)]
    )


def _no_changes(plan: Plan, profile: TargetProfile, style: Style) -> str:
    if plan.offline:
        rest = style.paint("The desired users are those of the base.", BOLD)
        return f"{style.paint('No changes.', BOLD, GREEN)} {rest}\n"
    rest = f"{profile.title} matches the desired state."
    head = f"{style.paint('No changes.', BOLD, GREEN)} {style.paint(rest, BOLD)}"
    users = pluralize(plan.tally.managed, "managed user")
    return (
        f"{head}\n\nReconciler has compared {users} with the desired state and found no\n"
        "differences, so no changes are needed.\n"
    )


def _also(plan: Plan) -> str:
    lines = unaffected_notes(plan)
    return "".join(f"  {said}\n" for said in lines)


def render_guards(plan: Plan, style: Style) -> str:
    """The guards that did not pass, and the way out."""
    failed = [guard for guard in plan.guards if not guard.passed]
    if not failed:
        return ""
    lines = [_guard(guard, style, offline=plan.offline) for guard in failed]
    if plan.blocked and not plan.offline:
        lines += ["", style.paint("This plan is blocked: nothing will be written.", BOLD, RED), *way_out(plan)]
    return "\n".join(lines) + "\n"


def _guard(guard: Guard, style: Style, *, offline: bool) -> str:
    message = style.words(guard.message)
    if guard.approved:
        return f"{style.paint('Approved:', BOLD, YELLOW)} {message}"
    word = "Blocked:"
    if offline:
        word = "Would be blocked until approved:" if guard.approvable else "Would be blocked:"
    return f"{style.paint(word, BOLD, RED)} {message}"
