"""The clock of a service, by the Date of its answers, compared with the one of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from reconciler.core.untrusted_values import parse_count, parse_http_date

_SECOND = timedelta(seconds=1)
_LONGEST_AGE = 86_400 * 365
"""Seconds that an answer can have waited in a cache. Date and Age together are a time that Python knows."""


def _current_time() -> datetime:
    return datetime.now(UTC)


class ServiceClock(httpx.BaseTransport):
    """Sends requests on, and notes how far this machine's clock is from the Date of their answers. Thread-safe."""

    def __init__(self, inner: httpx.BaseTransport, now: Callable[[], datetime] = _current_time) -> None:
        self._inner = inner
        self._now = now
        self._lock = threading.Lock()
        self._offset: timedelta | None = None
        self._unreadable: str | None = None

    @property
    def offset(self) -> timedelta | None:
        """How far this machine's clock is ahead of the service's (negative: behind), at least; None: unknown.

        The smallest of all answers: a proxy may have kept one of them for a while.
        """
        return self._offset

    @property
    def unreadable_date(self) -> str | None:
        """The Date of an answer that could not be read; None if there was none."""
        return self._unreadable

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = self._now()
        response = self._inner.handle_request(request)
        offset = compute_offset(response.headers, sent, self._now())
        if offset is not None:
            with self._lock:
                self._offset = offset if self._offset is None else min(self._offset, offset, key=abs)
        else:
            self._unreadable = response.headers.get("date", self._unreadable)
        return response

    def close(self) -> None:
        self._inner.close()


def compute_offset(headers: httpx.Headers, sent: datetime, received: datetime) -> timedelta | None:
    """Return how far the clock that read `sent` and `received` is ahead of an answer's Date, at least; None: no Date.

    Zero if the answer can be from between the two. Date has whole seconds (RFC 9110 §6.6.1), and Age says how many of
    them an answer waited in a cache.
    """
    date = parse_http_date(headers.get("date"))
    if date is None:
        return None
    date += timedelta(seconds=parse_count(headers.get("age"), _LONGEST_AGE) or 0)
    earliest, latest = sent - date - _SECOND, received - date
    return max(earliest, min(latest, timedelta()))
