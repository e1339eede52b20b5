"""Collect the diagnostics of a directory: one for each cause, those first that keep others from being found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import pluralize, shorten
from reconciler.desired.yaml_reader import MAX_DIAGNOSTICS
from reconciler.desired.yaml_text import MAX_BYTES

_MAX_PLACES = 8
"""Lines named of the repetitions of a diagnostic."""

_Message = tuple[str, Severity, str, str]
"""File, severity, summary and detail: the same error in a file is one, however many entries have it."""


class DiagnosticList:
    """Diagnostics in the order in which they were reported, up to `MAX_DIAGNOSTICS` for each file and severity.

    Those about one user are all kept: who has errors, and how many, is counted by them.
    """

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()
        self._lines: dict[_Message, list[int]] = {}
        self._totals: Counter[_Message] = Counter()
        self._first: list[Diagnostic] = []

    def copy(self) -> DiagnosticList:
        """Return a list that grows by itself from here."""
        other = DiagnosticList()
        other.items, other._first = [*self.items], [*self._first]
        other._counts, other._totals = Counter(self._counts), Counter(self._totals)
        other._lines = {message: [*lines] for message, lines in self._lines.items()}
        return other

    def report(self, diagnostic: Diagnostic, *, first: bool = False) -> None:
        """Add a diagnostic. `first`: a file, or a part of it, could not be read."""
        origin = diagnostic.origin
        if origin is not None and diagnostic.address is None:
            message = _get_message(diagnostic)
            self._totals[message] += 1
            lines = self._lines.setdefault(message, [])
            if len(lines) <= _MAX_PLACES:
                lines.append(origin.line)
            if self._totals[message] > 1:
                if self._totals[message] <= MAX_DIAGNOSTICS:
                    self.items.append(diagnostic)  # readers of one row look whether it has errors
                return
            kind = (origin.file, diagnostic.severity)
            self._counts[kind] += 1
            if self._counts[kind] > MAX_DIAGNOSTICS + 1:
                return
            if self._counts[kind] > MAX_DIAGNOSTICS:
                summary = (
                    f"more than {MAX_DIAGNOSTICS} {diagnostic.severity.value}s in this file; the others are not shown"
                )
                diagnostic = replace(diagnostic, summary=summary, detail="Fix these first.")
        self.items.append(diagnostic)
        if first:
            self._first.append(diagnostic)

    def collect(self) -> list[Diagnostic]:
        """Return the diagnostics, with the number of times of each, those about unread files first."""
        first = set(map(id, self._first))
        ordered = sorted(self._drop_repeated(), key=lambda item: id(item) not in first)
        return [self._add_count(item) for item in ordered]

    def _drop_repeated(self) -> Iterator[Diagnostic]:
        seen = set()
        for item in self.items:
            message = _get_message(item)
            if item.origin is None or item.address is not None or message not in seen:
                yield item
            seen.add(message)

    def _add_count(self, item: Diagnostic) -> Diagnostic:
        message = _get_message(item)
        total = self._totals[message]
        if item.address is not None or total < 2:  # noqa: PLR2004 - once is no repetition
            return item
        others = sorted(set(self._lines[message][1 : _MAX_PLACES + 1]))
        more = total - 1 - len(self._lines[message][1 : _MAX_PLACES + 1])
        where = f"Also in {'line' if len(others) == 1 else 'lines'} {', '.join(map(str, others))}"
        where += f", and {more:,} times more." if more else "."
        summary = f"{item.summary} ({pluralize(total, 'time')} in this file)"
        return replace(item, summary=summary, detail=f"{item.detail} {where}".strip())


class DiagnosticLog(DiagnosticList):
    """Diagnostics that another list can be given as well, exactly as they were reported here."""

    def __init__(self) -> None:
        super().__init__()
        self._reported: list[tuple[Diagnostic, bool]] = []

    def report(self, diagnostic: Diagnostic, *, first: bool = False) -> None:
        """Add a diagnostic, and remember it."""
        self._reported.append((diagnostic, first))
        super().report(diagnostic, first=first)

    def repeat(self, other: DiagnosticList) -> None:
        """Report to `other` what was reported here."""
        for diagnostic, first in self._reported:
            other.report(diagnostic, first=first)


def _get_message(item: Diagnostic) -> _Message:
    return (item.origin.file if item.origin else "", item.severity, item.summary, item.detail)


def add_source_lines(diagnostics: Sequence[Diagnostic], root: Path) -> tuple[Diagnostic, ...]:
    """Add its source line to each diagnostic that has none, reading each file once."""
    files = {diagnostic.origin.file for diagnostic in diagnostics if diagnostic.origin is not None}
    lines: dict[str, list[str]] = {}
    for name in files:
        path = root / name
        try:
            top = root.resolve()
            # A file of a layer is in the fleet, two levels up.
            top = top.parent.parent if name.startswith("../../") else top
            locate_in_value = path.resolve().is_relative_to(top) and path.is_file()
            readable = locate_in_value and path.stat().st_size <= MAX_BYTES
            lines[name] = path.read_text("utf-8", "replace").split("\n") if readable else []
        except (OSError, RuntimeError):
            lines[name] = []
    return tuple(_add_source_line(diagnostic, lines) for diagnostic in diagnostics)


def _add_source_line(diagnostic: Diagnostic, lines: dict[str, list[str]]) -> Diagnostic:
    origin = diagnostic.origin
    if origin is None or diagnostic.source_line is not None or origin.line > len(lines[origin.file]):
        return diagnostic
    return replace(diagnostic, source_line=shorten(lines[origin.file][origin.line - 1].rstrip("\r"), 160))
