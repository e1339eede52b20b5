"""Say each habit of the service once in a run. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.apply.change_outcomes import describe_unlabelled
from reconciler.core.model import LiveUser
from reconciler.core.plan import Change


class HabitNotes:
    """What was said of the service's habits."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        """Report a habit, once."""
        with self._lock:
            if sentence in self._said:
                return
            self._said.add(sentence)
        self._report(sentence)

    def note_unlabelled(self, change: Change, live: LiveUser | None) -> None:
        """Note values in effect in elements that lack what the filter of their path names."""
        for path in live.unselected if live is not None else ():
            if change.after.get(path) is not None:
                self.say(describe_unlabelled(path))
