"""The request rate of a run, learned from what the service refuses. Pure: no clock, no threads, no I/O.

All times are seconds of one monotonic clock, passed in by `scim.rate_limiter`, which has the threads and the waiting.

- *Before the first refusal* the rate is unlimited; only the number of requests in flight is limited
  (`scim.concurrency`).
- *After a refusal* nothing is sent for the pause, then one request alone until one is accepted.
- *After a refusal because of load* (`busy`) requests are also spaced out. The rate starts below the peak (the rate that
  was accepted so far), grows to it in `_hold` seconds, is flat around it, then grows beyond it: the curve of TCP CUBIC
  (RFC 9438 §4.1) applied to a rate. Each further refusal estimates the peak again, from how long which rate was
  accepted.

To change a constant, run `tests/benchmarks/rate_table.py` and `tests/unit/scim/test_adaptive_rate.py` (simulated
services) and `tests/benchmarks/rate.py 25 100 500` (a real one). How the present values were chosen:
docs/decisions/0016-rate.md and 0076-writes.md.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from reconciler.scim.concurrency import FIRST, MOST, Concurrency

_FIRST_DEPTH, _FIRST_HOLD = 0.3, 0.3
_MIN_FIRST_PEAK = 10
"""Requests per second to continue with after the first refusal, however early it came."""
_MAX_DECREASE = 0.85
"""A rate that was accepted for a second is not lowered by more than this factor."""
_SMALLEST_PEAK = 0.2
"""A peak is never below this share of the rate that was refused."""
_MOST_AHEAD = 2.0
"""How far the rate can be above what was accepted in the last second."""
_STEEP = 1.3
"""A rate that was refused this far above the peak had grown too fast to show where the limit is."""
_STEEP_DEPTH, _STEEP_HOLD = 0.05, 1.5
_MOST_CARRIED = 8
"""Requests in flight that a next phase begins with, however many this one had: writes are another matter."""


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """What one phase of a run, such as reading, learned for the next. `peak`: as in `AdaptiveRate`."""

    in_flight: int = FIRST
    peak: float = math.inf


class AdaptiveRate:
    """How many requests may be in flight, and when the next one may be sent. `learned`: by an earlier phase."""

    MAX_IN_FLIGHT = MOST

    def __init__(self, learned: LearnedRate) -> None:
        self._concurrency = Concurrency(max(learned.in_flight, FIRST))
        self.in_flight_limit = self._concurrency.limit
        self._peak = math.inf  # requests per second that were accepted before the last refusal
        self._depth = 0.0  # how far below the peak the rate starts after a pause, as a share of the peak
        self._hold = 1.0  # seconds from there to the peak
        if learned.peak < math.inf:
            # Writes may have another limit: the rate leaves the peak as soon as after a first refusal.
            self._peak, self._depth, self._hold = max(learned.peak, _MIN_FIRST_PEAK), _FIRST_DEPTH, _FIRST_HOLD
        self._burst = 0  # requests accepted in the second before the first refusal
        self._pause = 0.0
        self._resume_at = self._next_at = self._refused_at = -math.inf
        self._accepted_at: deque[float] = deque(maxlen=4096)
        self._sent = 0  # since the last pause
        self._noise = _NoiseDetector()

    def learned(self, borne: int) -> LearnedRate:
        """Return what a next phase may begin with. `borne`: the most requests that were in flight and accepted."""
        return LearnedRate(min(borne, _MOST_CARRIED), self._peak)

    def per_second(self, now: float) -> float:
        """Return the rate at this moment; infinite before the first refusal because of load."""
        if self._peak == math.inf:
            return math.inf
        elapsed = max(0.0, now - self._resume_at)
        return self._peak * (1 + self._depth * ((elapsed - self._hold) / self._hold) ** 3)

    def seconds_to_wait(self, now: float) -> float:
        """Return the seconds until the next request may be sent; now if not above 0."""
        return max(self._resume_at, self._next_at) - now

    def record_sent(self, now: float) -> None:
        """Count a request that is sent now."""
        self._sent += 1
        if self._resume_at == -math.inf:
            self._resume_at = now
        rate = self.per_second(now)
        if rate != math.inf:
            self._next_at = max(self._next_at, now) + 1 / rate

    def record_accepted(self, now: float, sent_at: float) -> None:
        """Count a request that the service answered without pushing back.

        If it was sent before the last refusal, it says nothing about how many may be in flight now.
        """
        self._accepted_at.append(now)
        self._noise.record(now, accepted=True)
        self._concurrency.record_accepted(now)
        if sent_at > self._refused_at:
            self.in_flight_limit = self._concurrency.limit

    def record_refused(self, now: float, sent_at: float, pause: float, *, busy: bool) -> None:
        """Count a failed request: nothing is sent for `pause` seconds, then one request alone.

        `busy`: the service reported too many requests. Requests that were in flight together count once.
        """
        resume_at = now + pause
        if sent_at > self._refused_at:
            if busy:
                self._noise.record(now, accepted=False)
            if busy and self._sent > 1:
                # Alone and refused at once, a request says that the pause was too short, and nothing about the rate.
                self._estimate_peak(now)
            self._concurrency.record_refused()
            self._refused_at = now
            self._sent = 0
            self._pause = pause
            self._resume_at = resume_at
        elif resume_at > self._resume_at:
            self._resume_at = resume_at
            self._pause = resume_at - self._refused_at
        self._next_at = self._resume_at
        self.in_flight_limit = 1

    def _estimate_peak(self, now: float) -> None:
        """Estimate the service's limit from how long it accepted which rate."""
        start = max(now - 1.0, self._resume_at)
        recent = sum(1 for moment in self._accepted_at if moment > start)
        if self._peak == math.inf:
            self._burst = self._peak = max(recent, _MIN_FIRST_PEAK)
            self._depth, self._hold = _FIRST_DEPTH, _FIRST_HOLD
            return
        # The number of requests in flight may have kept the rate from growing as it was allowed to.
        current = min(self.per_second(now), _MOST_AHEAD * max(recent / max(now - start, 0.05), _MIN_FIRST_PEAK))
        kept = self._noise.rate_to_keep(current)
        if kept is not None:
            self._peak = kept
            return
        lasted = max(now - self._resume_at, 0.001)
        if lasted > self._hold:
            # It was growing: the limit is between what was accepted in the last second and the rate now.
            peak = current + 0.7 * (min(recent / max(now - start, 0.05), current) - current)
        else:
            peak = self._sustained_rate(current, lasted)
        steep = current > _STEEP * self._peak
        self._peak = max(peak, _SMALLEST_PEAK * current)
        if steep:
            # Where the limit is shows when the rate comes by again, more slowly.
            self._depth, self._hold = _STEEP_DEPTH, _STEEP_HOLD
            return
        # The longer the rate was accepted, the nearer it is to the limit, and the longer it may stay there.
        self._hold = min(max(8 * lasted, 4.0), 30.0)
        self._depth = min(max(0.05 / lasted, 0.02), 0.3)

    def _sustained_rate(self, current: float, lasted: float) -> float:
        """Return a rate below `current`, which was refused after `lasted` seconds, before it reached the peak.

        A token bucket fills during a pause, and what comes out of it at once is no rate; nor was it more than the first
        burst.
        """
        sustained = max(current * lasted / (lasted + self._pause), current - self._burst / lasted)
        middle = math.sqrt(sustained * current)
        return middle if lasted < 1 else max(middle, _MAX_DECREASE * current)


class _NoiseDetector:
    """Tells refusals because of the rate from those that come at any rate, such as a broken gateway's.

    Slowing down for the latter would never end. So when the rate is down to an eighth of an earlier one, the earlier
    one is tried again, and doubled as long as that increases the throughput. If it does not, the refusals were about
    the rate, and the trial is not repeated for `_TRIAL_INTERVAL` answers.
    """

    _SAMPLE = 25
    """Answers that a throughput is measured over."""
    _TRIAL_INTERVAL = 300

    def __init__(self) -> None:
        self._answers: deque[tuple[float, bool]] = deque(maxlen=self._SAMPLE)
        self._answers_since = 0  # since the last step of a trial; negative: none starts yet
        self._rate = 0.0  # the earlier rate, or the rate on trial
        self._throughput_before = self._throughput_latest = 0.0
        self._on_trial = False

    def record(self, now: float, *, accepted: bool) -> None:
        """Count an answer of the service."""
        self._answers.append((now, accepted))
        self._answers_since += 1

    def rate_to_keep(self, current: float) -> float | None:
        """Return the rate to continue with if the refusal at rate `current` is noise; None if it is about the rate."""
        if self._on_trial and self._answers_since >= self._SAMPLE:
            self._judge_trial(current)
        elif not self._on_trial and current > self._rate:
            self._rate = current
            self._answers_since = min(self._answers_since, 0)
        elif not self._on_trial and current < self._rate / 8 and self._answers_since >= self._SAMPLE:
            self._on_trial, self._answers_since = True, 0
            self._throughput_before = self._throughput_latest = self._throughput()
        return self._rate if self._on_trial else None

    def _judge_trial(self, current: float) -> None:
        throughput = self._throughput()
        if throughput < 1.3 * self._throughput_before:
            self._on_trial, self._rate, self._answers_since = False, current, -self._TRIAL_INTERVAL
            return
        if throughput > 1.2 * self._throughput_latest:
            self._rate *= 2
            self._throughput_latest = throughput
        self._answers_since = 0

    def _throughput(self) -> float:
        """Return accepted requests per second, pauses included."""
        accepted = sum(accepted for _, accepted in self._answers)
        return accepted / max(self._answers[-1][0] - self._answers[0][0], 0.001)
