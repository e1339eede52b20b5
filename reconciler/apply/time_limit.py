"""End an apply that takes too long, as Ctrl-C would: what is in flight is finished, the rest is for the next run.

Nothing is lost by ending, so the limit is about the lock, which keeps every other apply to the target waiting:

- *Pace*: an apply in which fewer than `MIN_CHANGES` end in a quarter of an hour is not getting anywhere. A service that
  allows one request every ten seconds gets through three times as many.
- *Ceiling*: `MAX_SECONDS`, however well it goes. At twelve changes a second a million users are done within it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.scim.pace import WINDOW, Pace

MAX_SECONDS = 24 * 3600.0
MIN_CHANGES = 10
"""In each `WINDOW`."""
_INTERVAL = 5.0
"""Seconds between checks."""


class TimeLimit:
    """The time limit of one apply. Thread-safe. `clock`: seconds of a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._ended = 0
        self._pace = Pace()
        self._pace.record(self._began, 0)
        self.exceeded = ""
        """Why the apply has to end, for the reader; "" as long as it need not."""

    def record_outcome(self) -> None:
        """Record that one more change ended."""
        with self._lock:
            self._ended += 1
            self._pace.record(self._clock(), self._ended)

    def check(self) -> bool:
        """Return whether the apply may go on; if not, `exceeded` says why."""
        with self._lock:
            now = self._clock()
            seconds, changes = self._pace.measure(now, self._ended)
            if now - self._began > MAX_SECONDS:
                self.exceeded = f"it took longer than {MAX_SECONDS / 3600:.0f} hours"
            elif seconds >= WINDOW and changes < MIN_CHANGES:
                minutes = f"the last {seconds / 60:.0f} minutes"
                self.exceeded = f"the service is too slow: {changes} changes finished in {minutes}"
            return not self.exceeded


@contextmanager
def stop_in_time(limit: TimeLimit, stop: threading.Event, interval: float = _INTERVAL) -> Iterator[None]:
    """Set `stop` once `limit` is exceeded. `interval`: seconds between checks."""
    over = threading.Event()

    def watch() -> None:
        while not (over.wait(interval) or stop.is_set()):  # the user may have pressed Ctrl-C
            if not limit.check():
                stop.set()

    watcher = threading.Thread(target=watch, name="time limit", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
