"""Render a run of a fleet as text, for a terminal and the log of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from reconciler.core.text import pluralize
from reconciler.render.fleet_view import TONES, FleetView, Note, Problem, TenantRow
from reconciler.render.style import BOLD, GREY, RED, YELLOW, Style

MOST_ROWS = 30
_MOST_PROBLEMS = 50
_MOST_NAMES = 20
_LONGEST = 300
_WIDTH = 80
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
_TONES = {"bad": RED, "warn": YELLOW, "": ""}


def render_fleet_text(view: FleetView, style: Style) -> str:
    """Render the run. It has a bounded number of lines, however many tenants there are; the document has all."""
    return "\n".join(_list_lines(view, style)) + "\n"


def _list_lines(view: FleetView, style: Style) -> Iterator[str]:
    yield style.paint(view.title, BOLD)
    if view.removals:
        yield style.paint(view.removals, BOLD, RED)
    if view.trouble:
        yield style.paint(view.trouble, RED)
    yield view.summary
    for part in (_problems, _guards, _removed, _table, _notes, _steps, _facts):
        lines = list(part(view, style))
        if lines:
            yield ""
            yield from lines


def _problems(view: FleetView, style: Style) -> Iterator[str]:
    for problem in view.problems[:_MOST_PROBLEMS]:
        yield from _problem(problem, style)
    left = view.problems[_MOST_PROBLEMS:]
    if left:
        tenants = pluralize(sum(len(problem.names) for problem in left), "tenant")
        yield f"… and {tenants} for {pluralize(len(left), 'other reason')}"


def _problem(problem: Problem, style: Style) -> Iterator[str]:
    """Yield a reason, and below it the tenants that it concerns."""
    colour = _TONES[TONES.get(problem.state, "bad")]
    reason = f": {style.message(problem.reason[:_LONGEST])}" if problem.reason else ""
    yield f"{style.paint(f'{len(problem.names):,} {problem.label}', BOLD, colour)}{reason}"
    yield from wrap_names(problem.names)


def _guards(view: FleetView, style: Style) -> Iterator[str]:
    for guard in view.guards:
        yield style.paint(f"Guard {style.message(guard.guard)}: {style.message(guard.found)}.", RED)
        yield f"  {style.message(guard.way_on)}"


def _removed(view: FleetView, style: Style) -> Iterator[str]:
    for removed in view.removed_users:
        more = f" and {removed.more:,} more" if removed.more else ""
        yield f"{removed.tenant} removes {', '.join(map(style.value, removed.users))}{more}"


def _table(view: FleetView, style: Style) -> Iterator[str]:
    noteworthy = [row for row in view.rows if not row.is_quiet]
    shown = noteworthy[:MOST_ROWS]
    if not shown:
        return
    heads = ("tenant", "state", *view.words.columns, "failed")
    cells = [(row.name, row.label, *map(_number, (row.removed, row.created, row.changed, row.failed))) for row in shown]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    yield style.paint(_line(heads, widths), GREY)
    for row, line in zip(shown, cells, strict=True):
        yield style.paint(_line(line, widths), RED if row.removed else _TONES[TONES.get(row.state, "bad")])
    yield from _rest(noteworthy[MOST_ROWS:], len(view.rows) - len(noteworthy), view)


def _rest(left: Sequence[TenantRow], quiet: int, view: FleetView) -> Iterator[str]:
    """Yield what the table leaves out, as counts."""
    if left:
        numbers = (sum(row.removed for row in left), sum(row.created for row in left), sum(row.changed for row in left))
        users = ", ".join(f"{number:,} {word}" for number, word in zip(numbers, view.words.columns, strict=True))
        yield f"… and {pluralize(len(left), 'more tenant')}: {users}"
    if quiet:
        yield f"{pluralize(quiet, 'tenant')} {view.words.same}"


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*texts, *numbers]).rstrip()


def _notes(view: FleetView, _style: Style) -> Iterator[str]:
    for note in view.notes:
        yield format_note(note)


def _steps(view: FleetView, _style: Style) -> Iterator[str]:
    for step in view.steps:
        yield step.text
        yield from (f"  {line}" for line in step.lines)


def _facts(view: FleetView, style: Style) -> Iterator[str]:
    for label, value in view.facts:
        yield f"{label + ':':<15}{style.message(value)}"


def format_note(note: Note) -> str:
    """Return a note in one line."""
    names = f": {join_names(note.names)}." if note.names else ""
    return f"{note.head}{names}{f' {note.tail}' if note.tail else ''}"


def join_names(names: Sequence[str]) -> str:
    """Return the first names, and the number of the others."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES:,} more"


def wrap_names(names: Sequence[str]) -> list[str]:
    """Return the same in indented lines of 80 columns."""
    return wrap(join_names(names), _WIDTH, initial_indent="  ", subsequent_indent="  ", **_WHOLE_WORDS)
