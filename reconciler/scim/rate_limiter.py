"""How fast requests leave: one pace for all threads of a run, learned from what the service refuses.

Until a service pushes back there is no limit but the number of threads. From its first 429 or 503 on, requests leave
one after another at a rate that starts below what was accepted, grows slowly to it and, when that goes well for long,
beyond it: the curve of TCP CUBIC (RFC 9438 §4.1) on a rate. How a decision was measured: docs/decisions/0016-rate.md.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reconciler.errors import StopRequestedError, TargetError

LONGEST_PAUSE = 120.0
"""Seconds waited for one refusal, whatever Retry-After says."""
PATIENCE = 300.0
"""Seconds without a single accepted request after which the run ends."""
FREE_RETRIES = 60
"""Retries a run may spend, besides one for every second accepted request."""
_FIRST_BACKOFF = 0.2
_LONGEST_BACKOFF = 30.0
_GRACE = 2.0
"""Seconds a request may still wait for its turn once somebody wants the run to end."""
_ABSURD = 86_400.0
"""A Retry-After beyond this many seconds is a mistake, such as a time stamp."""


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of RFC 9110 §10.2.3; None when it says nothing sensible."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:10])
    else:
        when = None
        with suppress(ValueError, TypeError, OverflowError, IndexError):
            when = parsedate_to_datetime(text[:64])
        if when is None:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    return seconds if 0 <= seconds <= _ABSURD else None


class Rate:
    """The rate by itself: no clock, no threads. All times are seconds of one monotonic clock."""

    MOST = 32
    """Requests in flight at once, at most."""
    _RAMP = 20
    """Accepted requests for each further one in flight."""

    def __init__(self) -> None:
        self.in_flight_limit = 2.0
        self._ramped = 2.0
        self._peak = math.inf  # requests per second that were accepted before the last refusal
        self._depth, self._hold = 0.0, 1.0
        self._burst = 0
        self._pause = 0.0
        self._resume = self._next = self._refused_at = -math.inf
        self._accepted: deque[float] = deque(maxlen=4096)
        self._any_accepted = False
        self._noise = _Noise()

    def per_second(self, now: float) -> float:
        """The rate at this moment: from below the peak to it in `_hold` seconds, flat there, then beyond it."""
        if self._peak == math.inf:
            return math.inf
        passed = max(0.0, now - self._resume)
        return self._peak * (1 + self._depth * ((passed - self._hold) / self._hold) ** 3)

    def wait(self, now: float) -> float:
        """Seconds until the next request may leave; not above 0: now."""
        return max(self._resume, self._next) - now

    def leaves(self, now: float) -> None:
        """A request leaves."""
        rate = self.per_second(now)
        if rate != math.inf:
            self._next = max(self._next, now) + 1 / rate

    def accepted(self, now: float) -> None:
        """The service answered a request without pushing back."""
        self._accepted.append(now)
        self._any_accepted = True
        self._noise.answered(now, taken=True)
        self._ramped = min(self.MOST, self._ramped + 1 / self._RAMP)
        self.in_flight_limit = self._ramped

    def refused(self, now: float, left: float, pause: float, *, busy: bool) -> None:
        """A request that left at `left` failed: nothing leaves for `pause` seconds, then one alone.

        `busy`: the service said that there were too many (429, 503). Requests that were in flight together tell once.
        """
        resume = now + pause
        if left > self._refused_at:
            if busy:
                self._noise.answered(now, taken=False)
            if busy and self._any_accepted:
                self._learn(now)
            self._refused_at = now
            self._any_accepted = False
            self._pause = pause
            self._resume = resume
        elif resume > self._resume:
            self._resume = resume
            self._pause = resume - self._refused_at
        self._next = self._resume
        self.in_flight_limit = 1

    def _learn(self, now: float) -> None:
        """What the service's limit may be, from how long it bore which rate."""
        start = max(now - 1.0, self._resume)
        recent = sum(1 for moment in self._accepted if moment > start)
        if self._peak == math.inf:
            self._burst = self._peak = max(recent, _AT_LEAST)
            self._depth, self._hold = _FIRST_DEPTH, _FIRST_HOLD
            return
        lasted = max(now - self._resume, 0.001)
        given = self.per_second(now)
        usual = self._noise.rate_without_reason(given)
        if usual is not None:
            self._peak = usual
            return
        if lasted > self._hold:
            # It was growing: the limit lies between what was accepted in the last second and the rate now.
            peak = given + 0.7 * (min(recent / max(now - start, 0.05), given) - given)
        else:
            # A bucket fills during a pause: what came out of that is no rate. Nor was it more than the first burst.
            borne = max(given * lasted / (lasted + self._pause), given - self._burst / lasted)
            peak = math.sqrt(borne * given) if lasted < 1 else max(math.sqrt(borne * given), _CAREFUL * given)
        self._peak = max(peak, 0.2 * given)
        # The longer the rate was borne, the nearer it is to the limit, and the longer it may stay there.
        self._hold = min(max(8 * lasted, 4.0), 30.0)
        self._depth = min(max(0.05 / lasted, 0.02), 0.3)


class _Noise:
    """Tells refusals that are about the rate from those that come whatever it is, such as a broken gateway's.

    Slowing down for these would never end. So when a rate has become an eighth of what it was, the earlier one is tried
    again, and more as long as that brings more through. If it does not, the refusals were about the rate.
    """

    _SAMPLE = 25
    """Answers from which a throughput is told."""
    _CALM = 1000
    """Answers until the next try."""

    def __init__(self) -> None:
        self._answers: deque[tuple[float, bool]] = deque(maxlen=self._SAMPLE)
        self._since = 0
        self._rate = self._before = self._latest = 0.0
        self._found = False

    def answered(self, now: float, *, taken: bool) -> None:
        """One answer of the service."""
        self._answers.append((now, taken))
        self._since += 1

    def rate_without_reason(self, given: float) -> float | None:
        """The rate to go on with when the refusal at rate `given` says nothing about it; None: it does."""
        if self._found and self._since >= self._SAMPLE:
            self._look_again(given)
        elif not self._found and given > self._rate:
            self._rate = given
            self._since = min(self._since, 0)
        elif not self._found and given < self._rate / 8 and self._since >= self._SAMPLE:
            self._found, self._since = True, 0
            self._before = self._latest = self._throughput()
        return self._rate if self._found else None

    def _look_again(self, given: float) -> None:
        throughput = self._throughput()
        if throughput < 1.5 * self._before:
            self._found, self._rate, self._since = False, given, -self._CALM
            return
        if throughput > 1.2 * self._latest:
            self._rate *= 2
            self._latest = throughput
        self._since = 0

    def _throughput(self) -> float:
        """Requests taken a second, pauses included."""
        taken = sum(taken for _, taken in self._answers)
        return taken / max(self._answers[-1][0] - self._answers[0][0], 0.001)


_FIRST_DEPTH, _FIRST_HOLD = 0.3, 0.3
_AT_LEAST = 10
"""Requests per second to go on with after the first refusal, however soon that came."""
_CAREFUL = 0.85
"""A rate that was borne for a second is not lowered by more than this factor."""


@dataclass(slots=True)
class Turn:
    """One request's permission to leave; `left` is when it did."""

    left: float


class RateLimiter:
    """The pace of one run. Thread-safe; `stop` ends every long wait."""

    def __init__(
        self,
        stop: threading.Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,
        on_pause: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._stop = stop or threading.Event()
        self._clock = clock
        self._spread = spread
        self._on_pause = on_pause
        self._rate = Rate()
        self._entrance = threading.Lock()  # whoever holds it is the next to begin
        self._door = threading.Lock()  # whoever holds it is the next to leave
        self._lock = threading.Condition()
        self._in_flight = 0
        self._at_work = 0
        self._retries = 0
        self._budget = float(FREE_RETRIES)
        self.has_begun = False
        self._misses = 0
        self._refused_since: float | None = None
        self._refused_at = -math.inf

    @contextmanager
    def room(self) -> Iterator[None]:
        """Waits until there is room for one more piece of work, of one request at a time.

        Work begins only when its requests may leave soon, as what waits in a queue cannot be called off any more. One
        more for each in flight may begin, so that no place stays empty while a receipt is forced onto the disk.
        """
        with self._entrance, self._lock:
            while self._at_work >= 2 * int(self._rate.in_flight_limit):
                self._lock.wait(0.25)
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                self._lock.notify_all()

    @contextmanager
    def turn(self, *, writes: bool = False) -> Iterator[Turn]:
        """Waits until a request may leave; it is in flight inside. Raises `StopRequestedError`.

        Once somebody wants the run to end, nothing that `writes` leaves any more.
        """
        with self._door:
            self._wait_for_room()
            self._wait_for_time()
            if writes and self._stop.is_set():
                raise StopRequestedError("interrupted")
            with self._lock:
                turn = Turn(self._clock())
                self._rate.leaves(turn.left)
                self._in_flight += 1
        try:
            yield turn
        finally:
            with self._lock:
                self._in_flight -= 1
                self._lock.notify_all()

    def _wait_for_room(self) -> None:
        with self._lock:
            while self._in_flight >= int(self._rate.in_flight_limit):
                self._lock.wait(0.25)

    def _wait_for_time(self) -> None:
        while True:
            with self._lock:
                left = self._rate.wait(self._clock())
            if left <= 0:
                return
            if not self._stop.is_set():
                self._stop.wait(left)
            elif left > _GRACE:
                raise StopRequestedError("interrupted")
            else:
                time.sleep(left)

    def accepted(self) -> None:
        """The service took a request, whatever it said about it."""
        with self._lock:
            self._rate.accepted(self._clock())
            self._budget += 0.5
            self.has_begun = True
            self._misses = 0
            self._refused_since = None

    def slow_down(self, turn: Turn, attempt: int, pause: float | None, *, busy: bool) -> None:
        """A request failed: the next one leaves in `pause` seconds (None: unsaid), more slowly if `busy`."""
        with self._lock:
            now = self._clock()
            if self._refused_since is None or turn.left > self._refused_at:
                self._misses += 1
                self._refused_at = now
            self._refused_since = now if self._refused_since is None else self._refused_since
            backoff = min(_FIRST_BACKOFF * 2.0 ** min(max(self._misses, attempt) - 1, 10), _LONGEST_BACKOFF)
            seconds = max(backoff, min(pause or 0.0, LONGEST_PAUSE))
            # Spread, so that several runs that were refused together do not come back together.
            self._rate.refused(now, turn.left, seconds * (1 + 0.1 * self._spread()), busy=busy)
        if seconds >= _WORTH_TELLING:
            self._on_pause(seconds)

    def failed(self, turn: Turn, attempt: int, pause: float | None, *, busy: bool, why: str) -> None:
        """As `slow_down`, for a request that is to be sent again.

        Raises `TargetError` when the run has spent its retries, or its patience.
        """
        self.slow_down(turn, attempt, pause, busy=busy)
        with self._lock:
            self._spend(self._clock(), why)

    def _spend(self, now: float, why: str) -> None:
        self._budget -= 1
        self._retries += 1
        if self._budget < 0:
            raise TargetError(
                f"the service keeps failing: {self._retries} requests had to be sent again, the last because {why}",
                "Look at the state of the service, then run the same command again: nothing is done twice.",
            )
        if self._refused_since is not None and now - self._refused_since > PATIENCE:
            raise TargetError(
                f"the service has taken no request for {PATIENCE / 60:.0f} minutes: {why}",
                "Look at the state of the service, then run the same command again: nothing is done twice.",
            )


_WORTH_TELLING = 5.0
"""Seconds of a pause that somebody who watches should hear of."""
