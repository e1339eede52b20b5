"""A terminal that keeps what a command writes."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.model import Diagnostic
from reconciler.errors import ReconcilerError
from reconciler.session.terminal import Terminal


class RecordingTerminal(Terminal):
    """What was written to stdout (`out`) and stderr (`notes`, `errors`, `found`)."""

    def __init__(self, *, redact: bool = False, verbose: bool = False) -> None:
        super().__init__(no_color=True, redact=redact, quiet=False, verbose=verbose)
        self.out = ""
        self.notes: list[str] = []
        self.errors: list[ReconcilerError] = []
        self.found: list[Diagnostic] = []

    def quieter(self) -> RecordingTerminal:
        return self

    def result(self, text: str) -> None:
        self.out += text if text.endswith("\n") or not text else f"{text}\n"

    def note(self, text: str) -> None:
        self.notes.append(text)

    def error(self, error: ReconcilerError) -> None:
        self.errors.append(error)

    def diagnostics(self, items: Sequence[Diagnostic], command: str = "") -> None:
        self.found += items

    @property
    def summaries(self) -> list[str]:
        """The summaries of all diagnostics."""
        return [item.summary for item in self.found]
