"""The pace of a long job over its last quarter of an hour. Pure: the caller has the clock."""

from __future__ import annotations

from collections import deque

WINDOW = 15 * 60.0
"""Seconds: three times as long as an outage is waited for (`scim.retry.PATIENCE`)."""
_MARKS = 15


class Pace:
    """What was done when. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # when so much was done, oldest first

    def restart(self) -> None:
        """Forget what was done: the window begins with the next `record`."""
        self._marks.clear()

    def record(self, now: float, done: int) -> None:
        """Record that `done` is done altogether. Kept once for each fifteenth of the window."""
        if not self._marks or now - self._marks[-1][0] >= WINDOW / _MARKS:
            self._marks.append((now, done))

    def measure(self, now: float, done: int) -> tuple[float, int]:
        """Return the seconds looked back on, and what was done in them: less than `WINDOW` only at the beginning."""
        while len(self._marks) > 1 and now - self._marks[1][0] >= WINDOW:
            self._marks.popleft()
        since, before = self._marks[0] if self._marks else (now, done)
        return now - since, done - before
