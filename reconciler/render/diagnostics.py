"""Render diagnostics as text: the origin, the source line and how to fix it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_line, pluralize
from reconciler.render.style import BOLD, RED, YELLOW, Style
from reconciler.render.user_errors import combine_user_errors


def render_diagnostics(diagnostics: Sequence[Diagnostic], style: Style, command: str = "") -> str:
    """Render the diagnostics, at most 50 of each severity for one file. `command`: the one that lists all as JSON.

    Without a command, it is `plan`, unless there is no plan.
    """
    # An error that concerns no single user refuses the plan.
    planned = not any(item.severity is Severity.ERROR and item.address is None for item in diagnostics)
    command = command or ("plan" if planned else "")
    seen: Counter[tuple[str, Severity]] = Counter()
    shown = []
    for item in combine_user_errors(diagnostics):
        kind = (item.origin.file if item.origin else "", item.severity)
        seen[kind] += item.origin is not None
        if seen[kind] <= _MANY:
            shown.append(item)
    return "\n".join(_diagnostic(item, style) for item in (*shown, *_not_shown(seen, command)))


_MANY = 50
"""Diagnostics of one file and severity: a wrong mapping is an error for every user."""


def _not_shown(seen: Mapping[tuple[str, Severity], int], command: str) -> Iterator[Diagnostic]:
    advice = "Fix those above first. "
    lists = f"`reconciler {command} --format json` lists all of them."
    advice += lists if command else "The next run shows the others."
    for (file, severity), count in seen.items():
        more = count - _MANY
        if more > 0:
            summary = f"{pluralize(more, f'more {severity.value}')} in {file} {'is' if more == 1 else 'are'} not shown"
            yield Diagnostic(severity, summary, advice)


def _diagnostic(item: Diagnostic, style: Style) -> str:
    parts = format_diagnostic(item, style)
    head = style.paint(f"{parts.severity}:", BOLD, RED if item.severity is Severity.ERROR else YELLOW)
    lines = [f"{head} {style.paint(parts.summary, BOLD)}"]
    if parts.place:
        lines += ["", f"  {parts.place}{':' if item.origin else ''}"]
    lines += [f"  {parts.source}"] if parts.source else []
    lines += ["", *(f"  {line}" for line in parts.detail.split("\n"))] if parts.detail else []
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class DiagnosticParts:
    """The parts of a diagnostic, escaped for display; "" if there is none. `detail` may have several lines."""

    severity: str
    summary: str
    place: str
    source: str
    detail: str


def format_diagnostic(item: Diagnostic, style: Style) -> DiagnosticParts:
    """Format the parts of a diagnostic; redacted, only its summary and origin."""
    severity = "Error" if item.severity is Severity.ERROR else "Warning"
    where = [f"on {style.message(str(item.origin))}"] if item.origin else []
    if style.redact:
        return DiagnosticParts(severity, style.message(item.summary), "".join(where), "", "")
    if item.address:
        where.append(f"in {style.message(item.address)}")
    source = ""
    if item.origin is not None and item.source_line is not None:
        source = f"{item.origin.line:>4}: {style.message(item.source_line)}"
    detail = "\n".join(escape_line(style.message(line)) for line in item.detail.split("\n"))
    return DiagnosticParts(severity, style.message(item.summary), ", ".join(where), source, detail)
