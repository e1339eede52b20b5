"""How long reading all users may take, and how much may be sent for it.

Timeouts bound one request, retries bound failures; neither ends a service that answers each request a little too well:
one user per page, five seconds each, is twelve users a minute for days, while the lock keeps every other apply waiting.

- *Ceiling*: `MAX_SECONDS` for the whole read. A hosted job of GitHub Actions is ended after six hours; this ends before
  it, with a message. At a hundred users a page and four pages at once a million users arrive within it even if each
  page takes seven seconds.
- *Pace*: after `WINDOW` seconds, a read that would take more than twice the ceiling at the pace of that window ends at
  once. It is relative to what is left, because a fixed number of users a minute is too many for a slow service with
  few users, and too few for one with a million. Twice, because failed requests are waited for and sent again.
- *Bytes*: `BASE_BYTES`, and `BYTES_PER_USER` for each user that came, so that it grows with the users and not with what
  the service claims.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from reconciler.core.text import pluralize
from reconciler.errors import TargetError
from reconciler.scim.pace import WINDOW, Pace

MAX_SECONDS = 5 * 3600.0
BASE_BYTES = 256 * 1024 * 1024
BYTES_PER_USER = 16 * 1024
Progress = Callable[[str, int, int], None]
"""A description of the step, how much of it is done, and the total."""
_NEXT_STEP = "Nothing was changed. Check the state of the service and target.base_url, then run the same command again."


class TimeOverError(TargetError):
    """The caller's own time ended before a request was sent: it says nothing about the service."""


class ReadBudget:
    """The budget of one read. Thread-safe. `clock`: seconds of a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._bytes = 0
        self._users = 0  # over all passes
        self._done = self._total = 0  # of the present pass over the users
        self._pace = Pace()

    def watch(self, progress: Progress) -> Progress:
        """Return `progress` with this budget recording what it is called with."""

        def report(what: str, done: int, total: int) -> None:
            self.record_progress(done, total)
            progress(what, done, total)

        return report

    def record_progress(self, done: int, total: int) -> None:
        """Record that `done` of `total` users came. Fewer than before, or another total: the read began again."""
        with self._lock:
            now = self._clock()
            if done < self._done or total != self._total:
                self._pace.restart()
                self._done = 0
            self._users += done - self._done
            self._done, self._total = done, total
            self._pace.record(now, done)

    def record_bytes(self, size: int) -> None:
        """Record the size of an answer. Raises `TargetError` if the answers are too large for so few users."""
        with self._lock:
            self._bytes += size
            if self._bytes > BASE_BYTES + BYTES_PER_USER * self._users:
                raise TargetError(
                    f"the service's answers are too large: {self._bytes // 1024**2:,} MiB for"
                    f" {pluralize(self._users, 'user')}",
                    _NEXT_STEP,
                )

    def check_time(self) -> None:
        """Raise `TargetError` if the read took too long, or would at its present pace."""
        with self._lock:
            now = self._clock()
            of = f" of {pluralize(self._total, 'user')}" if self._total else ""
            state = f"{self._done:,}{of} received" if self._done or self._total else "none received"
            hours = f"{MAX_SECONDS / 3600:.0f} hours"
            if now - self._began > MAX_SECONDS:
                raise TargetError(f"reading the users took longer than {hours}: {state}", _NEXT_STEP)
            seconds, users = self._pace.measure(now, self._done)
            if seconds >= WINDOW and (self._total - self._done) * seconds > 2 * MAX_SECONDS * users:
                pace = f"{users:,} of them in the last {seconds / 60:.0f} minutes"
                raise TargetError(f"the users cannot be read within {hours} at this pace: {state}, {pace}", _NEXT_STEP)
