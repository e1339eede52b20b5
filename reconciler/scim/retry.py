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
FREE_RETRIES = 60
"""Retries of a run, in addition to one for every second accepted request."""
_FIRST_BACKOFF = 0.2
_MAX_BACKOFF = 30.0
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


class RetryBudget:
    """The pauses between retries, and how many retries a run may still make. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
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

        At least the backoff, which doubles with each refusal in a row; at most `MAX_PAUSE`.
        """
        if self._refused_since is None or sent_at > self._refused_at:
            self._misses += 1
            self._refused_at = now
        self._refused_since = now if self._refused_since is None else self._refused_since
        backoff = min(_FIRST_BACKOFF * 2.0 ** min(max(self._misses, attempt) - 1, 10), _MAX_BACKOFF)
        return max(backoff, min(pause or 0.0, MAX_PAUSE))

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
        if self._refused_since is not None and now - self._refused_since > PATIENCE:
            raise TargetError(
                f"the service has accepted no request for {PATIENCE / 60:.0f} minutes: {message}", _NEXT_STEP
            )
        return attempt < (ATTEMPTS if self._any_accepted else FIRST_ATTEMPTS)
