"""Whether answers to writes are accepted without a read in this run, by attribute.

A service may answer with what it was asked for, and store something else or nothing. So the first answers about each
attribute are compared with what reading shows, and later ones now and then. After one contradiction no answer of the
run counts any more, and those that did are compared, too.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection

from reconciler.core.model import AttributePath
from reconciler.core.plan import Change

_CONFIRMATIONS = 3
"""How many answers about an attribute are checked by reading before answers are accepted without it."""
_EVERY = 20
"""Of so many answers that would be accepted, one is checked all the same."""
_MOST_COMPARED = 10_000
"""Accepted changes that are compared after a contradiction, the latest ones."""


class AnswerTrust:
    """What reading showed about the answers of a run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._confirmed: Counter[AttributePath] = Counter()
        self._contradicted = False
        self._doubted: set[str] = set()
        self._answers = 0
        self._accepted: dict[str, Change] = {}

    def accept(self, change: Change, paths: Collection[AttributePath]) -> bool:
        """Whether an answer that shows the planned values of `paths` need not be checked."""
        with self._lock:
            # A change whose read does not show it may be in effect a little later: until then, no answer is accepted.
            if self._contradicted or self._doubted or any(self._confirmed[path] < _CONFIRMATIONS for path in paths):
                return False
            self._answers += 1
            if self._answers % _EVERY == 0:
                return False
            self._accepted[change.address] = change
            return True

    def doubt(self, change: Change) -> None:
        """Note that a read after an answer shows something else; a later one may show the change."""
        with self._lock:
            self._doubted.add(change.address)

    def note(self, change: Change, paths: Collection[AttributePath], *, confirmed: bool) -> None:
        """Note what reading showed after an answer."""
        with self._lock:
            self._doubted.discard(change.address)
            self._confirmed.update(paths if confirmed else ())
            self._contradicted = self._contradicted or not confirmed

    def take_unproven(self) -> list[Change]:
        """Return the changes that were accepted by an answer, once, if answers do not count."""
        with self._lock:
            if not (self._contradicted or self._doubted):
                return []
            unproven, self._accepted = list(self._accepted.values())[-_MOST_COMPARED:], {}
            return unproven
