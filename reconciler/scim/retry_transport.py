"""The one layer that sends requests again, as a transport between a client and the network.

`RetryTransport` asks its limiter for a slot before each attempt, and its rule what a failed attempt means. A client
above sees the last answer or exception only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

import httpx

from reconciler.scim.errors import ErrorMessages
from reconciler.scim.rate_limiter import Slot
from reconciler.scim.retry import TransientFailure, parse_retry_after

CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""No connection was made: the service has seen nothing of the request."""
_OVERLOADED = (429, 503)
_GATEWAY_OR_SERVER_ERROR = (500, 502, 504)


class RetryRule(Protocol):
    """What a failed attempt means; None if the failure is not transient."""

    def refusal_in(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer."""

    def refusal_from(self, request: httpx.Request, exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception that was raised instead of an answer."""


class Limiter(Protocol):
    """What the transport needs of `RateLimiter`."""

    def slot(self, *, writes: bool) -> AbstractContextManager[Slot]:
        """Wait until a request may be sent."""

    def record_accepted(self) -> None:
        """Record an answer that is no refusal."""

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> None:
        """Record a refusal."""

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        """Return whether to send the request again."""


class RetryTransport(httpx.BaseTransport):
    """Sends a request until it is answered, its rule says that it must not be repeated, or its limiter ends it."""

    def __init__(self, inner: httpx.BaseTransport, rule: RetryRule, limiter: Limiter) -> None:
        self._inner = inner
        self._rule = rule
        self._limiter = limiter

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for attempt in count(1):
            with self._limiter.slot(writes=request.method != "GET") as slot:
                try:
                    response = self._inner.handle_request(request)
                except httpx.HTTPError as exc:
                    refusal = self._rule.refusal_from(request, exc)
                    if refusal is None or not self._may_retry(slot, attempt, refusal):
                        raise
                    continue
                refusal = self._rule.refusal_in(request, response)
                if refusal is None:
                    self._limiter.record_accepted()
                    return response
                if not self._may_retry(slot, attempt, refusal):
                    return response
                response.close()
        raise AssertionError("attempts are counted without end")  # pragma: no cover

    def _may_retry(self, slot: Slot, attempt: int, refusal: TransientFailure) -> bool:
        self._limiter.record_refused(slot, attempt, refusal)
        return refusal.retry and self._limiter.allow_retry(attempt, refusal)

    def close(self) -> None:
        self._inner.close()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ScimRetryRule:
    """What a SCIM service's failed answers mean.

    A write is repeated only if the service refused to look at it (429), or if no connection was made: anything else
    may have taken effect.
    """

    def __init__(self, messages: ErrorMessages, now: Callable[[], datetime] = _utc_now) -> None:
        self._messages = messages
        self._now = now

    def refusal_in(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer; any but 429, 503 and passing errors of a read is accepted, whatever it says."""
        status = response.status_code
        retry = status == httpx.codes.TOO_MANY_REQUESTS or (request.method == "GET" and _may_pass(request, status))
        if not retry and status not in _OVERLOADED:
            return None
        retry_after = response.headers.get("retry-after")
        # A 503 without a time is an outage, which is no reason to send more slowly.
        busy = status == httpx.codes.TOO_MANY_REQUESTS or retry_after is not None
        message = self._messages.describe_refusal(response)
        return TransientFailure(message, parse_retry_after(retry_after, self._now()), busy=busy, retry=retry)

    def refusal_from(self, request: httpx.Request, exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception: a failed connection may pass, and so may a lost answer to a read."""
        if isinstance(exc, CONNECT_ERRORS):
            error, may_pass = self._messages.explain_no_connection(exc)
            return TransientFailure(error.summary) if may_pass else None
        return TransientFailure(self._messages.explain_no_answer(exc).summary) if request.method == "GET" else None


def _may_pass(request: httpx.Request, status: int) -> bool:
    """Whether a read may succeed later.

    A first page may fail because of its count, and a filter because it is not supported: with a 500, 502 or 504 these
    are not repeated.
    """
    params = request.url.params
    if status in _OVERLOADED:
        return True
    return status in _GATEWAY_OR_SERVER_ERROR and params.get("startIndex") != "1" and "filter" not in params
