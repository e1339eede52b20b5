"""How many requests of a run are in flight at once, learned from what it brings. Pure: no clock, no threads, no I/O.

The number is doubled as long as twice as many bring markedly more answers per second: a service that is far away needs
many, one nearby few, and the fewer are in flight when a limit is reached, the fewer are refused. A number that brings
no more, or is refused, is taken back, and tried again later and later. After a refusal it grows by one.
"""

from __future__ import annotations

FIRST = 4
MOST = 32
_ANSWERS = 2
"""Answers for each request in flight, over which a throughput is measured."""
_MIN_GAIN = 0.3
"""Of what a larger number would bring if the service answered as fast as before."""
_LONGEST_INTERVAL = 64


class Concurrency:
    """The number of requests in flight. All times are seconds of one monotonic clock."""

    def __init__(self, first: int = FIRST) -> None:
        self.limit = first
        self._proven = first  # brought more than the number before it
        self._throughput = 0.0  # with that
        self._on_trial = False
        self._refused = False
        self._interval = 1  # how many times as long a measurement is, and with it the time to the next trial
        self._began: float | None = None  # the present measurement
        self._answers = 0

    def record_accepted(self, now: float) -> None:
        """Count an answer; the limit may change."""
        if self._began is None:
            self._began, self._answers = now, 0
            return
        self._answers += 1
        if self._answers < _ANSWERS * self.limit * self._interval:
            return
        throughput = self._answers / max(now - self._began, 1e-6)
        self._began, self._answers = now, 0
        if self._on_trial and throughput < self._throughput * (1 + _MIN_GAIN * (self.limit / self._proven - 1)):
            self._take_back()
        else:
            self._try_more(throughput)

    def record_refused(self) -> None:
        """Count a refusal: the measurement ends, and a larger number that is on trial is taken back."""
        self._began = None
        if self._on_trial:
            self._refused = True
            self._take_back()

    def _try_more(self, throughput: float) -> None:
        """Try more than the present number, which brings `throughput`."""
        self._interval = 1 if self._on_trial else self._interval
        self._proven, self._throughput = self.limit, throughput
        self._on_trial = self.limit < MOST
        self.limit = min(MOST, self.limit + 1 if self._refused else 2 * self.limit)

    def _take_back(self) -> None:
        self._on_trial, self.limit = False, self._proven
        self._interval = min(4 * self._interval, _LONGEST_INTERVAL)
