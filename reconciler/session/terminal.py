"""The output of a command: the result to stdout, all else to stderr, a progress bar on a terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from reconciler.core.model import Diagnostic
from reconciler.core.plan import Outcome
from reconciler.core.text import escape_control, escape_line, redact_quoted
from reconciler.errors import ReconcilerError
from reconciler.render.apply_report import render_outcome
from reconciler.render.diagnostics import render_diagnostics
from reconciler.render.style import Style, hide_words
from reconciler.session.private_words import find_private_words

Progress = Callable[[str, int, int], None]
_PLAIN_EVERY = 10.0
"""Seconds between plain progress lines."""


class Terminal:
    """One command's output. `quiet`: no notes and no progress; `verbose`: more notes."""

    def __init__(self, *, no_color: bool, redact: bool, quiet: bool, verbose: bool) -> None:
        wanted = not no_color and not os.environ.get("NO_COLOR")
        self._flags = {"no_color": no_color, "redact": redact, "quiet": True, "verbose": False}
        self.style = Style(colour=wanted and _is_terminal(sys.stdout), redact=redact)
        self._notes = Style(colour=wanted and _is_terminal(sys.stderr), redact=redact)
        self._private = find_private_words(sys.argv[1:]) if redact else []
        self._quiet = quiet
        self._verbose = verbose
        self._bars: Any = None
        self._held: list[str] | None = None
        self._holding = threading.Lock()

    @property
    def is_verbose(self) -> bool:
        """Whether -v asks for everything."""
        return self._verbose

    @property
    def is_quiet(self) -> bool:
        """Whether -q asks for the result and errors only."""
        return self._quiet

    @property
    def width(self) -> int:
        """The columns of the terminal that the result is shown on; 0 if it goes elsewhere."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0

    def quieter(self) -> Terminal:
        """Return the same terminal without notes and progress."""
        return Terminal(**self._flags)

    def result(self, text: str) -> None:
        """Write a part of the result to stdout."""
        text = hide_words(text, self._private)
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write a note to stderr."""
        if self._quiet:
            return
        with self._holding:
            if self._held is not None:
                self._held.append(text)
                return
        self._emit(text)

    def hold_notes(self) -> None:
        """Hold notes back until `release_notes` or `drop_notes`: it is not known yet whether errors come first."""
        self._held = []

    def release_notes(self) -> None:
        """Write the notes that are held, and hold no more. Any thread may call it."""
        with self._holding:
            held, self._held = self._held, None
            for text in held or ():
                self._emit(text)

    def drop_notes(self) -> None:
        """Forget the notes that are held, and hold no more."""
        with self._holding:
            self._held = None

    def prompt(self, text: str) -> None:
        """Write to stderr what the user has to do now, also when quiet."""
        self._emit(text)

    def detail(self, text: str) -> None:
        """Write a note that only -v shows."""
        if self._verbose:
            self.note(escape_control(redact_quoted(text) if self._notes.redact else text))

    def waiting(self, text: str, until: str) -> None:
        """Write a note about a pause, with `until` next to the progress bar until progress is made."""
        if self._bars is not None:
            for task in self._bars.task_ids:
                self._bars.update(task, waiting=f"waiting {until}")
        self.note(escape_control(redact_quoted(text) if self._notes.redact else text))

    def error(self, error: ReconcilerError) -> None:
        """Write an error to stderr, also when quiet."""
        head = self._notes.paint("Error:", "\x1b[1m", "\x1b[31m")
        summary, detail = error.summary, error.detail
        if self._notes.redact:
            summary, detail = redact_quoted(summary), redact_quoted(detail)
        title = self._notes.paint(escape_control(summary), "\x1b[1m")
        body = "\n\n" + "\n".join(f"  {escape_line(part)}" for part in detail.split("\n")) if detail else ""
        self._emit(f"{head} {title}{body}")

    def diagnostics(self, items: Sequence[Diagnostic], command: str = "") -> None:
        """Write diagnostics to stderr, also when quiet. `command`: the one that lists all of them as JSON."""
        self._emit(render_diagnostics(items, self._notes, command).rstrip("\n"))

    def outcome(self, outcome: Outcome) -> None:
        """Write one outcome as a note."""
        self.note(render_outcome(outcome, self._notes))

    def _emit(self, text: str) -> None:
        text = hide_words(text, self._private)
        # A closed stderr must not end an apply.
        with contextlib.suppress(OSError):
            if self._bars is not None:
                self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Return a function that shows progress: a bar on a terminal, a line every ten seconds elsewhere."""
        if self._quiet:
            yield _show_nothing
        elif _is_terminal(sys.stderr):
            with self._show_bars() as report:
                yield report
        else:
            yield _show_lines(self.note)

    @contextmanager
    def _show_bars(self) -> Iterator[Progress]:
        from rich.console import Console  # noqa: PLC0415 - 70 ms, for terminals only
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415

        console = Console(stderr=True, no_color=not self._notes.colour)
        waiting = TextColumn("{task.fields[waiting]}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), waiting)
        tasks: dict[str, Any] = {}
        with Bars(*columns, console=console, transient=True) as bars:
            self._bars = bars

            def report(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total, waiting="")
                # Of some lists the total is not known: 0.
                bars.update(tasks[what], completed=done, total=total or None, waiting="")

            try:
                yield report
            finally:
                self._bars = None


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _show_nothing(_what: str, _done: int, _total: int) -> None:
    """No progress."""


def _show_lines(note: Callable[[str], None]) -> Progress:
    last = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY:
            last = time.monotonic()
            note(f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}")

    return report
