"""The request rate of a run, learned from what the service refuses. Pure: no clock, no threads, no I/O.

All times are seconds of one monotonic clock, passed in by `scim.rate_limiter`, which has the threads and the waiting.

- *Before the first refusal* the rate is unlimited; only the number of requests in flight grows, from
  `FIRST_IN_FLIGHT`, or what the caller knows, to `MAX_IN_FLIGHT`.
- *After a refusal* nothing is sent for the pause, then one request alone until one is accepted.
- *After a refusal because of load* (`busy`) requests are also spaced out. The rate starts below the peak (the rate that
  was accepted so far), grows to it in `_hold` seconds, is flat around it, then grows beyond it: the curve of TCP CUBIC
  (RFC 9438 §4.1) applied to a rate. Each further refusal estimates the peak again, from how long which rate was
  accepted.

To change a constant, run `tests/unit/scim/test_adaptive_rate.py` (simulated services) and
`tests/benchmarks/rate.py 25 100 500` (a real one). How the present values were chosen: docs/decisions/0016-rate.md.
"""

from __future__ import annotations

import math
from collections import deque

FIRST_IN_FLIGHT = 2
"""Requests in flight at first, where nothing says that the service bears more."""
_FIRST_DEPTH, _FIRST_HOLD = 0.3, 0.3
_MIN_FIRST_PEAK = 10
"""Requests per second to continue with after the first refusal, however early it came."""
_MAX_DECREASE = 0.85
"""A rate that was accepted for a second is not lowered by more than this factor."""
_SMALLEST_PEAK = 0.2
"""A peak is never below this share of the rate that was refused."""


class AdaptiveRate:
    """How many requests may be in flight, and when the next one may be sent."""

    MAX_IN_FLIGHT = 32
    _ACCEPTED_PER_STEP = 20
    """Accepted requests for each further one in flight."""

    def __init__(self, in_flight: int = FIRST_IN_FLIGHT) -> None:
        self.in_flight_limit = float(in_flight)
        self._ramp = float(in_flight)  # `in_flight_limit` as it is between refusals
        self._peak = math.inf  # requests per second that were accepted before the last refusal
        self._depth = 0.0  # how far below the peak the rate starts after a pause, as a share of the peak
        self._hold = 1.0  # seconds from there to the peak
        self._burst = 0  # requests accepted in the second before the first refusal
        self._pause = 0.0
        self._resume_at = self._next_at = self._refused_at = -math.inf
        self._accepted_at: deque[float] = deque(maxlen=4096)
        self._accepted_since_refusal = False
        self._noise = _NoiseDetector()

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
        rate = self.per_second(now)
        if rate != math.inf:
            self._next_at = max(self._next_at, now) + 1 / rate

    def record_accepted(self, now: float) -> None:
        """Count a request that the service answered without pushing back."""
        self._accepted_at.append(now)
        self._accepted_since_refusal = True
        self._noise.record(now, accepted=True)
        self._ramp = min(self.MAX_IN_FLIGHT, self._ramp + 1 / self._ACCEPTED_PER_STEP)
        self.in_flight_limit = self._ramp

    def record_refused(self, now: float, sent_at: float, pause: float, *, busy: bool) -> None:
        """Count a failed request: nothing is sent for `pause` seconds, then one request alone.

        `busy`: the service reported too many requests. Requests that were in flight together count once.
        """
        resume_at = now + pause
        if sent_at > self._refused_at:
            if busy:
                self._noise.record(now, accepted=False)
            if busy and self._accepted_since_refusal:
                self._estimate_peak(now)
            self._refused_at = now
            self._accepted_since_refusal = False
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
        current = self.per_second(now)
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
        self._peak = max(peak, _SMALLEST_PEAK * current)
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
    _TRIAL_INTERVAL = 1000

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
        if throughput < 1.5 * self._throughput_before:
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
