"""Render the edits and the conflicts of a rollback as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.field_change import FieldChange
from reconciler.core.text import escape_control, escape_line, pluralize
from reconciler.history.edits import USER
from reconciler.history.revert import Conflict, RevertPlan, RevertStep
from reconciler.render.field_values import render_field
from reconciler.render.history import render_path
from reconciler.render.style import GREEN, HIDDEN, RED, YELLOW, Style

_SHOWN = 20


def render_revert(found: RevertPlan, whole: Sequence[str], style: Style, *, forced: bool) -> str:
    """Render one paragraph for each entry. `whole`: files restored as a whole; `forced`: conflicts are overwritten."""
    lines = [line for step in found.steps for line in _step(step, style)]
    lines += [f"{style.paint('~', YELLOW)} {escape_control(name)}: the whole file" for name in whole]
    if found.conflicts:
        what = "overwritten (--force)" if forced else "left alone; --force overwrites"
        lines += ["", f"{pluralize(len(found.conflicts), 'later edit')}, {what}:"]
        lines += [_conflict(conflict, style) for conflict in found.conflicts]
    return "".join(f"{line}\n" for line in lines)


def _step(step: RevertStep, style: Style) -> Iterator[str]:
    symbol, colour = ("+", GREEN) if step.now is None else ("-", RED) if step.wanted is None else ("~", YELLOW)
    yield f"{style.paint(symbol, colour)} {HIDDEN if style.redact else escape_control(step.entity.address)}"
    if step.now is None or step.wanted is None:
        return
    for row in step.rows[:_SHOWN]:
        name = render_path(row, style, of_user=step.entity.kind == USER)
        yield f"    {name} = {render_field(row.before, style)} -> {render_field(row.after, style)}"
    if len(step.rows) > _SHOWN:
        yield f"    # ({pluralize(len(step.rows) - _SHOWN, 'more attribute')})"


def _conflict(conflict: Conflict, style: Style) -> str:
    address = HIDDEN if style.redact else escape_line(conflict.address)
    if conflict.path is None:
        return f"  {address}: {conflict.why}"
    row = FieldChange(conflict.path, conflict.now, conflict.wanted)
    values = f"{render_field(row.before, style)}, not {render_field(row.after, style)}"
    return f"  {address} {render_path(row, style)}: {conflict.why}, is {values}"
