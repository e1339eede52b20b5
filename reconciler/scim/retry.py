"""When a failed request may be sent again: `Retry-After`, backoff, and how much a run spends on retries.

Pure: no clock, no threads, no HTTP library. `scim.retry_transport` sends again, `scim.rate_limiter` waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.untrusted_values import parse_count, parse_http_date
from reconciler.errors import TargetError

ATTEMPTS = 8
"""For one request, the first included; `RetryBudget` bounds those of the whole run."""
FIRST_ATTEMPTS = 4
"""As long as the service has accepted no request at all: then a wrong setting is more likely than an outage."""
MAX_PAUSE = 120.0
"""Seconds waited after one refusal, whatever Retry-After says."""
PATIENCE = 300.0
"""Seconds without an accepted request after which the run ends."""
READ_SECONDS = 90.0
"""For one read: all its attempts, and the pauses between them."""
FREE_RETRIES = 60
"""Retries of a run, in addition to one for every second accepted request."""
_SHORTEST_ATTEMPT = 1.0
"""Seconds; with less time left, a read is not sent again."""
_FIRST_BACKOFF = 0.2
_MAX_BACKOFF = 30.0
_FIRST_PAUSE_ALONE, _LONGER = 0.3, 3
"""Seconds, and how many times as long the next pause is: see `TransientFailure.alone`."""
_MAX_RETRY_AFTER = 86_400.0
"""A Retry-After beyond this many seconds is an error of the service, such as a time stamp."""
_NEXT_STEP = "Check the state of the service, then run the same command again: nothing is done twice."


def parse_retry_after(value: str | None, now: datetime, *, longest: float = _MAX_RETRY_AFTER) -> float | None:
    """Parse either form of Retry-After (RFC 9110 §10.2.3) into seconds from `now`.

    None if it is absent, malformed, in the past or more than `longest` seconds ahead.
    """
    if value is None:
        return None
    seconds: float | None = parse_count(value)
    when = parse_http_date(value) if seconds is None else None
    if when is not None:
        seconds = (when - now).total_seconds()
    return float(seconds) if seconds is not None and 0 <= seconds <= longest else None


@dataclass(frozen=True, slots=True)
class TransientFailure:
    """A request that failed in a way that may pass."""

    message: str
    pause: float | None = None
    """Seconds that the service asks for (Retry-After); None if it does not say."""
    busy: bool = False
    """The service reports too many requests, rather than an outage."""
    retry: bool = True
    """The same request may be sent again. If not, only the requests after it are delayed."""
    attempts: int = ATTEMPTS
    """For the request if it fails in this way, the first included; the budget may allow fewer."""
    alone: bool = False
    """It is about this one answer: only the request itself waits, and nothing is sent more slowly."""


class Tries:
    """The attempts of one request so far, and how long it may go on. Times are seconds of a monotonic clock.

    `seconds`: allowed for all attempts; None: no limit. `counts_pauses`: pauses between attempts are part of them.
    """

    def __init__(self, seconds: float | None = None, *, counts_pauses: bool = True) -> None:
        self.number = 0
        self.elapsed = 0.0
        """Seconds since the first attempt."""
        self.asked: float | None = None
        """Seconds that the service asks to wait, if that is longer than the request may go on."""
        self.pause = 0.0
        """Seconds that only this request waits before its next attempt."""
        self._seconds = math.inf if seconds is None else seconds
        self._counts_pauses = counts_pauses
        self._sent_at = self._first_sent_at = 0.0
        self._in_flight = 0.0

    def begin(self, sent_at: float) -> float:
        """Count an attempt that is sent at `sent_at`, and return the seconds that it may take."""
        if self.number == 0:
            self._first_sent_at = sent_at
        self.number += 1
        self.pause = 0.0
        self._sent_at = sent_at
        used = sent_at - self._first_sent_at if self._counts_pauses else self._in_flight
        return self._seconds - used

    def end(self, now: float) -> None:
        """Count the time of the attempt that ends at `now`."""
        self.elapsed = now - self._first_sent_at
        self._in_flight += now - self._sent_at

    def wait_alone(self) -> None:
        """Let the next attempt wait, longer with each one."""
        self.pause = _FIRST_PAUSE_ALONE * _LONGER ** (self.number - 1)

    @property
    def until(self) -> float:
        """When the next attempt must leave; infinite if pauses do not count, and for a first attempt."""
        if self.number == 0 or not self._counts_pauses:
            return math.inf
        return self._first_sent_at + self._seconds - _SHORTEST_ATTEMPT

    def leaves_time(self, pause: float) -> bool:
        """Whether another attempt is possible after a pause of this many seconds."""
        used = self.elapsed + pause if self._counts_pauses else self._in_flight
        return used + _SHORTEST_ATTEMPT <= self._seconds


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause after a failed request."""

    request: str
    """What was requested, for the reader."""
    answer: str
    """Why it failed."""
    attempt: int
    """The number of the attempt that failed."""
    elapsed: float
    """Seconds since the first attempt."""
    seconds: float
    asked: bool
    """The service asks for this pause."""
    retry: bool
    """The same request is sent again after it; if not, only others wait."""


class RetryBudget:
    """The pauses between retries, and how many retries a run may still make. Times are seconds of a monotonic clock.

    `longest_pause`: after one refusal. `patience`: without an accepted request, until the run ends.
    """

    def __init__(self, longest_pause: float = MAX_PAUSE, patience: float = PATIENCE) -> None:
        self._longest_pause = longest_pause
        self._patience = patience
        self._left = float(FREE_RETRIES)
        self._retries = 0
        self._any_accepted = False
        self._misses = 0  # refusals in a row; requests that were in flight together count once
        self._refused_since: float | None = None
        self._refused_at = -math.inf

    def record_accepted(self) -> None:
        """Count a request that the service accepted, whatever it answered."""
        self._left += 0.5
        self._any_accepted = True
        self._misses = 0
        self._refused_since = None

    def record_refused(self, now: float, sent_at: float, attempt: int, pause: float | None) -> float:
        """Count a failed request; return the seconds to pause.

        At least the backoff, which doubles with each refusal in a row; at most the longest pause.
        """
        if self._refused_since is None or sent_at > self._refused_at:
            self._misses += 1
            self._refused_at = now
        self._refused_since = now if self._refused_since is None else self._refused_since
        backoff = min(_FIRST_BACKOFF * 2.0 ** min(max(self._misses, attempt) - 1, 10), _MAX_BACKOFF)
        return max(backoff, min(pause or 0.0, self._longest_pause))

    def spend(self, now: float, attempt: int, message: str) -> bool:
        """Take one retry; return whether the request has attempts left.

        Raises `TargetError` if the run has spent its retries, or its patience. `message`: why the request failed.
        """
        self._left -= 1
        self._retries += 1
        if self._left < 0:
            raise TargetError(
                f"the service keeps failing: {self._retries} requests had to be sent again, the last because {message}",
                _NEXT_STEP,
            )
        if self._refused_since is not None and now - self._refused_since > self._patience:
            raise TargetError(
                f"the service has accepted no request for {self._patience / 60:.0f} minutes: {message}", _NEXT_STEP
            )
        return attempt < (ATTEMPTS if self._any_accepted else FIRST_ATTEMPTS)
