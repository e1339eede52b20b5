"""Diagnostics as text: place, the line itself, a way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_line, pluralize
from reconciler.render.style import BOLD, RED, YELLOW, Style


def render_diagnostics(diagnostics: Sequence[Diagnostic], style: Style) -> str:
    """The diagnostics, each with its place, the line itself and a way out; of one file not without end."""
    seen: Counter[tuple[str, Severity]] = Counter()
    shown = []
    for item in diagnostics:
        kind = (item.origin.file if item.origin else "", item.severity)
        seen[kind] += item.origin is not None
        if seen[kind] <= _MANY:
            shown.append(item)
    return "\n".join(_diagnostic(item, style) for item in (*shown, *_not_shown(seen)))


_MANY = 50
"""Diagnostics of one file and severity: a wrong mapping is a mistake of everybody."""


def _not_shown(seen: Mapping[tuple[str, Severity], int]) -> Iterator[Diagnostic]:
    for (file, severity), count in seen.items():
        more = count - _MANY
        if more > 0:
            said = f"{pluralize(more, f'more {severity.value}')} in {file} {'is' if more == 1 else 'are'} not shown"
            yield Diagnostic(severity, said, "Correct those above first. A plan in JSON names them all.")


def _diagnostic(item: Diagnostic, style: Style) -> str:
    is_error = item.severity is Severity.ERROR
    head = style.paint("Error:" if is_error else "Warning:", BOLD, RED if is_error else YELLOW)
    told = diagnosed(item, style)
    lines = [f"{head} {style.paint(told.summary, BOLD)}"]
    if told.place:
        lines += ["", f"  {told.place}{':' if item.origin else ''}"]
    lines += [f"  {told.source}"] if told.source else []
    lines += ["", f"  {told.detail}"] if told.detail else []
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A diagnostic's parts, each fit to be shown; "" where there is none."""

    summary: str
    place: str
    source: str
    detail: str


def diagnosed(item: Diagnostic, style: Style) -> Diagnosed:
    """What may be told of a diagnostic."""
    where = [f"on {style.words(str(item.origin))}"] if item.origin else []
    if style.redact:
        return Diagnosed(style.words(item.summary), "".join(where), "", "")
    if item.address:
        where.append(f"in {style.words(item.address)}")
    source = ""
    if item.origin is not None and item.source_line is not None:
        source = f"{item.origin.line:>4}: {style.words(item.source_line)}"
    return Diagnosed(style.words(item.summary), ", ".join(where), source, escape_line(style.words(item.detail)))
