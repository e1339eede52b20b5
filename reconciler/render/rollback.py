"""What a rollback edits, and what it leaves alone, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.field_change import FieldChange
from reconciler.core.text import escape_control, escape_line, pluralize
from reconciler.history.revert import Conflict, RevertPlan, RevertStep
from reconciler.render.history import path_text, value_text
from reconciler.render.style import HIDDEN, Style

_YELLOW, _GREEN, _RED = "\x1b[33m", "\x1b[32m", "\x1b[31m"
_SHOWN = 20


def render_revert(found: RevertPlan, whole: Sequence[str], style: Style, *, forced: bool) -> str:
    """A paragraph for each entry. `whole`: files that are restored as they were; `forced`: conflicts too."""
    lines = [told for step in found.steps for told in _step(step, style)]
    lines += [f"{style.paint('~', _YELLOW)} {escape_control(name)}: the whole file" for name in whole]
    if found.conflicts:
        what = "overwritten (--force)" if forced else "left alone; --force overwrites"
        lines += ["", f"{pluralize(len(found.conflicts), 'later edit')}, {what}:"]
        lines += [_conflict(conflict, style) for conflict in found.conflicts]
    return "".join(f"{told}\n" for told in lines)


def _step(step: RevertStep, style: Style) -> Iterator[str]:
    symbol, colour = ("+", _GREEN) if step.now is None else ("-", _RED) if step.wanted is None else ("~", _YELLOW)
    yield f"{style.paint(symbol, colour)} {HIDDEN if style.redact else escape_control(step.entity.address)}"
    if step.now is None or step.wanted is None:
        return
    for row in step.rows[:_SHOWN]:
        yield f"    {path_text(row)} = {value_text(row.before, style)} -> {value_text(row.after, style)}"
    if len(step.rows) > _SHOWN:
        yield f"    # ({pluralize(len(step.rows) - _SHOWN, 'more attribute')})"


def _conflict(conflict: Conflict, style: Style) -> str:
    who = HIDDEN if style.redact else escape_line(conflict.address)
    if conflict.path is None:
        return f"  {who}: {conflict.why}"
    row = FieldChange(conflict.path, conflict.now, conflict.wanted)
    values = f"{value_text(row.before, style)}, not {value_text(row.after, style)}"
    return f"  {who} {path_text(row)}: {conflict.why}, is {values}"
