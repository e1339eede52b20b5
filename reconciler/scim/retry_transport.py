"""The one layer that sends requests again, as a transport between a client and the network.

`RetryTransport` asks its limiter for a slot before each attempt, and its rule what a failed attempt means. A client
above sees the last answer or exception only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import httpx

from reconciler.scim.errors import ErrorMessages
from reconciler.scim.json_body import InvalidJsonError, TooManyValuesError, decode_answer, decode_elsewhere
from reconciler.scim.rate_limiter import NoSlotInTimeError, Slot
from reconciler.scim.request_names import is_first_page, name_request
from reconciler.scim.response_limits import SECONDS_LEFT
from reconciler.scim.retry import TransientFailure, Tries, Wait, parse_retry_after

CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""No connection was made: the service has seen nothing of the request."""
_OVERLOADED = (429, 503)
_GATEWAY_OR_SERVER_ERROR = (500, 502, 504)
_ATTEMPTS_WITHOUT_JSON = 3
"""For a read that is answered with success and an empty or cut body: it is rare, or it is how the service answers."""


class RetryRule(Protocol):
    """What a failed attempt means; None if the failure is not transient."""

    def refusal_in(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer."""

    def refusal_from(self, request: httpx.Request, exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception that was raised instead of an answer."""


class Limiter(Protocol):
    """What the transport needs of `RateLimiter`."""

    def slot(self, *, writes: bool, until: float) -> AbstractContextManager[Slot]:
        """Wait until a request may be sent. Raises `NoSlotInTimeError` if that is later than `until`."""

    def record_accepted(self, slot: Slot) -> None:
        """Record an answer that is no refusal."""

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> float:
        """Record a refusal; return the seconds that every request waits now."""

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        """Return whether to send the request again."""

    def wait(self, seconds: float) -> None:
        """Let one request wait, and no other."""


TRIES = "tries"
"""The extension of a request with its `Tries`."""
TRIAL_SECONDS = "trial_seconds"
"""The extension of a read that is a trial, with the seconds that it may be tried for. It is sent again only if that has
nothing to do with what it asks for: the service is busy (429), or no connection was made."""


BEFORE_RESEND = "before_resend"
"""The extension of a write with a function that says whether to send it again after a refusal. It is called without a
slot, and may send requests."""


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """How long one read may be tried, in seconds.

    `counts_pauses`: pauses are part of it. They are not while changes are applied: a service that slows the run down
    does not refuse this read, and a change that is under way is better finished late than left unverified. `posts`: a
    POST is a read, too, as one for a token is.
    """

    seconds: float
    counts_pauses: bool
    posts: bool = False


class RetryTransport(httpx.BaseTransport):
    """Sends a request until it is answered, its rule says that it must not be repeated, or its limiter ends it.

    `reads`: the limit of a read; None: only the limiter's. `on_wait` is called before each pause.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        rule: RetryRule,
        limiter: Limiter,
        *,
        reads: ReadLimit | None = None,
        on_wait: Callable[[Wait], None] = lambda _wait: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._rule = rule
        self._limiter = limiter
        self._reads = reads
        self._on_wait = on_wait
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        tries = request.extensions[TRIES] = self._count_tries(request)
        result: httpx.Response | httpx.HTTPError | None = None
        again = True
        while again and _is_still_wanted(request, result):
            try:
                with self._limiter.slot(writes=request.method != "GET", until=tries.until) as slot:
                    if isinstance(result, httpx.Response):
                        result.close()
                    result = self._send(request, tries, slot)
                    again = self._judge(request, tries, slot, result)
            except NoSlotInTimeError:
                break
            if again and tries.pause > 0:
                self._limiter.wait(tries.pause)
        if isinstance(result, httpx.Response):
            return result
        if result is None:  # pragma: no cover
            raise AssertionError("a first attempt waits for its slot, however long")
        raise result

    def _count_tries(self, request: httpx.Request) -> Tries:
        if self._reads is None or (request.method != "GET" and not self._reads.posts):
            return Tries()
        trial: float | None = request.extensions.get(TRIAL_SECONDS)
        if trial is not None:
            return Tries(min(trial, self._reads.seconds))
        return Tries(self._reads.seconds, counts_pauses=self._reads.counts_pauses)

    def _send(self, request: httpx.Request, tries: Tries, slot: Slot) -> httpx.Response | httpx.HTTPError:
        request.extensions[SECONDS_LEFT] = tries.begin(slot.sent_at)
        try:
            return self._inner.handle_request(request)
        except httpx.HTTPError as exc:
            return exc
        finally:
            tries.end(self._clock())

    def _judge(
        self, request: httpx.Request, tries: Tries, slot: Slot, result: httpx.Response | httpx.HTTPError
    ) -> bool:
        """Whether to send the request again."""
        if isinstance(result, httpx.Response):
            refusal = self._rule.refusal_in(request, result)
            if refusal is None:
                self._limiter.record_accepted(slot)
        else:
            refusal = self._rule.refusal_from(request, result)
        if refusal is None or (TRIAL_SECONDS in request.extensions and _may_be_about(result)):
            return False
        return self._may_retry(request, tries, slot, refusal)

    def _may_retry(self, request: httpx.Request, tries: Tries, slot: Slot, refusal: TransientFailure) -> bool:
        if refusal.retry and not tries.leaves_time(refusal.pause or 0.0):
            # No other request waits for a time that this one does not wait for.
            tries.asked = refusal.pause
            return False
        if refusal.alone:
            return self._may_retry_alone(request, tries, refusal)
        seconds = self._limiter.record_refused(slot, tries.number, refusal)
        again = (
            refusal.retry
            and tries.number < refusal.attempts
            and self._limiter.allow_retry(tries.number, refusal)
            and tries.leaves_time(seconds)
        )
        if again or not refusal.retry:
            asked = refusal.pause is not None and seconds >= refusal.pause > 0
            self._on_wait(
                Wait(name_request(request), refusal.message, tries.number, tries.elapsed, seconds, asked, retry=again)
            )
        return again

    def _may_retry_alone(self, request: httpx.Request, tries: Tries, refusal: TransientFailure) -> bool:
        tries.wait_alone()
        again = (
            tries.number < refusal.attempts
            and tries.leaves_time(tries.pause)
            and self._limiter.allow_retry(tries.number, refusal)
        )
        if again:
            name, seconds = name_request(request), tries.pause
            self._on_wait(Wait(name, refusal.message, tries.number, tries.elapsed, seconds, asked=False, retry=True))
        return again

    def close(self) -> None:
        self._inner.close()


def _is_still_wanted(request: httpx.Request, result: httpx.Response | httpx.HTTPError | None) -> bool:
    """Whether a request is to be sent, again if there is a `result`. Without a connection, nothing has happened."""
    ask: Callable[[], bool] | None = request.extensions.get(BEFORE_RESEND)
    return ask is None or not isinstance(result, httpx.Response) or ask()


def _may_be_about(result: httpx.Response | httpx.HTTPError) -> bool:
    """Whether a failure may be about what a trial asks for: it says nothing about other requests then."""
    if isinstance(result, httpx.Response):
        return result.status_code != httpx.codes.TOO_MANY_REQUESTS
    return not isinstance(result, CONNECT_ERRORS)


def utc_now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


class ScimRetryRule:
    """What a SCIM service's failed answers mean.

    A write is repeated only if the service refused to look at it (429), or if no connection was made: anything else
    may have taken effect.
    """

    def __init__(self, messages: ErrorMessages, now: Callable[[], datetime] = utc_now) -> None:
        self._messages = messages
        self._now = now

    def refusal_in(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer; any but 429, 503 and passing errors of a read is accepted, if it is whole."""
        status = response.status_code
        if request.method == "GET" and response.is_success:
            return self._refusal_without_json(request, response)
        retry = status == httpx.codes.TOO_MANY_REQUESTS or (request.method == "GET" and _may_pass(request, status))
        if not retry and status not in _OVERLOADED:
            return None
        retry_after = response.headers.get("retry-after")
        # A 503 without a time is an outage, which is no reason to send more slowly.
        busy = status == httpx.codes.TOO_MANY_REQUESTS or retry_after is not None
        message = self._messages.describe_refusal(response)
        return TransientFailure(message, parse_retry_after(retry_after, self._now()), busy=busy, retry=retry)

    def _refusal_without_json(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer to a read by its body: one that is empty, or cut, may be whole the next time.

        One that never is says nothing about load: pages that all wait for each other would take minutes to say so.
        """
        if decode_elsewhere(request, response) is not None:
            return None
        try:
            decode_answer(response)
        except TooManyValuesError:
            return None
        except InvalidJsonError:
            body = response.content.strip()
            if not body or body.startswith(b"{"):
                message = self._messages.explain_invalid_json(response).summary
                return TransientFailure(message, attempts=_ATTEMPTS_WITHOUT_JSON, alone=True)
        return None

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
    if status in _OVERLOADED:
        return True
    once = is_first_page(request.url) or "filter" in request.url.params
    return status in _GATEWAY_OR_SERVER_ERROR and not once
