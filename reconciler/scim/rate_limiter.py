"""When requests leave: one rate limiter for all threads of a run.

Only threads, the clock and waiting are here. What the rate is: `scim.adaptive_rate`; how long a pause is and when a run
gives up: `scim.retry`.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.errors import StopRequestedError
from reconciler.scim.adaptive_rate import AdaptiveRate, LearnedRate
from reconciler.scim.concurrency import FIRST
from reconciler.scim.retry import RetryBudget, TransientFailure
from reconciler.scim.shared_rate import SharedRate

_MAX_WAIT_AFTER_STOP = 2.0
"""Seconds a read may still wait for its slot once the run is to end."""
_POLL = 0.25
"""Seconds after which a waiting thread looks again, notified or not."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Permission to send one request; `sent_at` is when it left."""

    sent_at: float


class NoSlotInTimeError(Exception):
    """A request may not be sent before the time until which it was to be sent."""


class RateLimiter:
    """The rate limiter of one run. Thread-safe; `stop` ends every long wait.

    `spread`: a random number from 0 to 1. `budget`: of retries. `learned`: by an earlier phase of the run. `in_flight`:
    how many requests may be in flight at once from the beginning on, unless `learned` says it. `shared`: the rate of
    all processes that send to the same address, below which this one stays.
    """

    shared: SharedRate | None = None

    def __init__(
        self,
        stop: threading.Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
        budget: RetryBudget | None = None,
        in_flight: int = FIRST,
        learned: LearnedRate | None = None,
    ) -> None:
        self._stop = stop or threading.Event()
        self._clock = clock
        self._spread = spread
        self._next_admission = threading.Lock()  # held by the one thread that waits to be admitted next
        self._next_slot = threading.Lock()  # held by the one thread that waits for the next slot
        self._state = threading.Condition()  # guards everything below; notified when a count goes down
        self._rate = AdaptiveRate(learned or LearnedRate(in_flight))
        self._budget = budget or RetryBudget()
        self._in_flight = self._borne = 0
        self._admitted = 0

    @property
    def learned(self) -> LearnedRate:
        """What a next phase of the run may begin with."""
        with self._state:
            return self._rate.learned(self._borne)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Wait until the service can take one more change, whose requests follow one after another.

        A change is admitted only if its requests can leave soon, because a change that waits in a queue can no longer
        be cancelled. One more for each request in flight is admitted, to keep the service busy while receipts are
        written to disk.
        """
        with self._next_admission, self._state:
            while self._admitted >= 2 * int(self._rate.in_flight_limit):
                self._state.wait(_POLL)
            self._admitted += 1
        try:
            yield
        finally:
            with self._state:
                self._admitted -= 1
                self._state.notify_all()

    @contextmanager
    def slot(self, *, writes: bool, until: float = math.inf) -> Iterator[Slot]:
        """Wait until a request may be sent; it is in flight inside the `with` block.

        Raises `StopRequestedError` if the run is to end and the request `writes`, or would have to wait for long, and
        `NoSlotInTimeError` if that is later than `until`, a time of the limiter's clock.
        """
        slot = self._acquire(until, writes=writes)
        try:
            yield slot
        finally:
            with self._state:
                self._in_flight -= 1
                self._state.notify_all()

    def _acquire(self, until: float, *, writes: bool) -> Slot:
        with self._hold_next_slot(until):
            self._wait_for_others(until)
            self._wait_for_rate(until)
            while self.shared is not None and not self._wait_for_shared(self.shared, until):
                self._wait_for_rate(until)
            if writes and self._stop.is_set():
                raise StopRequestedError("interrupted")
            with self._state:
                slot = Slot(self._clock())
                self._rate.record_sent(slot.sent_at)
                self._in_flight += 1
        return slot

    @contextmanager
    def _hold_next_slot(self, until: float) -> Iterator[None]:
        timeout = -1 if until == math.inf else max(0.0, until - self._clock())
        if not self._next_slot.acquire(timeout=timeout):
            raise NoSlotInTimeError
        try:
            yield
        finally:
            self._next_slot.release()

    def _wait_for_others(self, until: float) -> None:
        with self._state:
            while self._in_flight >= int(self._rate.in_flight_limit):
                if self._clock() > until:
                    raise NoSlotInTimeError
                self._state.wait(_POLL)

    def _wait_for_rate(self, until: float) -> None:
        while True:
            with self._state:
                now = self._clock()
                seconds = self._rate.seconds_to_wait(now)
            if now + max(seconds, 0.0) > until:
                raise NoSlotInTimeError
            if seconds <= 0:
                return
            self._sleep(seconds)

    def _wait_for_shared(self, shared: SharedRate, until: float) -> bool:
        """Wait for a slot of the shared rate; return whether it is of use: no pause has begun meanwhile."""
        began = self._clock()
        seconds = shared.reserve(until - began)
        if seconds is None:
            raise NoSlotInTimeError
        while (left := began + seconds - self._clock()) > 0:
            self._sleep(left)
        with self._state:
            paused = self._rate.seconds_to_wait(self._clock()) > 0
        return not paused and (seconds <= 0 or not shared.is_held())

    def _sleep(self, seconds: float) -> None:
        """Wait, at most until the run is to end: after that, only for a moment."""
        if not self._stop.is_set():
            self._stop.wait(seconds)
        elif seconds > _MAX_WAIT_AFTER_STOP:
            raise StopRequestedError("interrupted")
        else:
            time.sleep(seconds)

    def record_accepted(self, slot: Slot) -> None:
        """Record that the service accepted a request, whatever it answered."""
        with self._state:
            self._rate.record_accepted(self._clock(), slot.sent_at)
            self._borne = max(self._borne, self._in_flight)
            self._budget.record_accepted()

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> float:
        """Record a failed request; return the seconds that every thread pauses.

        All send more slowly afterwards if the service is busy.
        """
        with self._state:
            now = self._clock()
            seconds = self._budget.record_refused(now, slot.sent_at, attempt, refusal.pause)
            # Spread, so that several runs that were refused together do not come back together.
            pause = seconds * (1 + 0.1 * self._spread())
            self._rate.record_refused(now, slot.sent_at, pause, busy=refusal.busy)
            self._borne = 0
        if refusal.busy and self.shared is not None:
            self.shared.hold(pause)
        return pause

    def wait(self, seconds: float) -> None:
        """Let one request wait, and no other; the end of the run ends it."""
        self._stop.wait(seconds)

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        """Return whether the request may be sent again. Raises `TargetError` if the run must end instead."""
        with self._state:
            return self._budget.spend(self._clock(), attempt, refusal.message)
