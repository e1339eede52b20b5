"""Whether answers to writes are accepted without a read in this run, by attribute.

A service may answer with what it was asked for, and store something else or nothing. So the first answers about each
attribute are compared with what reading shows, and after one contradiction no answer of the run counts any more.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection

from reconciler.core.model import AttributePath

_CONFIRMATIONS = 3
"""How many answers about an attribute are checked by reading before answers are accepted without it."""


class AnswerTrust:
    """What reading showed about the answers of a run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._confirmed: Counter[AttributePath] = Counter()
        self._contradicted = False

    def covers(self, paths: Collection[AttributePath]) -> bool:
        """Whether an answer that shows the planned values of `paths` need not be checked."""
        with self._lock:
            return not self._contradicted and all(self._confirmed[path] >= _CONFIRMATIONS for path in paths)

    def note(self, paths: Collection[AttributePath], *, confirmed: bool) -> None:
        """Note what reading showed after an answer."""
        with self._lock:
            self._confirmed.update(paths if confirmed else ())
            self._contradicted = self._contradicted or not confirmed
