from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from reconciler.errors import TargetError
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.rate_limiter import RateLimiter, Slot
from reconciler.scim.retry import ATTEMPTS, FIRST_ATTEMPTS, TransientFailure
from reconciler.scim.retry_transport import RetryTransport, ScimRetryRule

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)
URL = "https://scim.example.com/scim"
RULE = ScimRetryRule(ErrorMessages(URL, "tok-s3cret", {}), now=lambda: NOW)


class Network(httpx.BaseTransport):
    """Answers with `replies` in turn; an exception is raised."""

    def __init__(self, replies: Iterable[httpx.Response | Exception]) -> None:
        self._replies = iter(replies)
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply


class LoggingLimiter:
    """Logs what it is asked for; allows `attempts` per request."""

    def __init__(self, attempts: int = 3) -> None:
        self.log: list[str] = []
        self.refusals: list[TransientFailure] = []
        self._attempts = attempts

    @contextmanager
    def slot(self, *, writes: bool) -> Iterator[Slot]:
        self.log.append("write" if writes else "read")
        try:
            yield Slot(1.0)
        finally:
            self.log.append("end")

    def record_accepted(self) -> None:
        self.log.append("accepted")

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> None:
        self.log.append(f"refused {attempt}")
        self.refusals.append(refusal)

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        return attempt < self._attempts


class Sent:
    """A request through a `RetryTransport`, and what happened."""

    def __init__(
        self, request: httpx.Request, replies: Iterable[httpx.Response | Exception], attempts: int = 3
    ) -> None:
        self.network, self.limiter = Network(replies), LoggingLimiter(attempts)
        self.response: httpx.Response | None = None
        self.error: Exception | None = None
        try:
            self.response = RetryTransport(self.network, RULE, self.limiter).handle_request(request)
        except httpx.HTTPError as exc:
            self.error = exc

    @property
    def status(self) -> int:
        assert self.response is not None
        return self.response.status_code

    @property
    def attempts(self) -> int:
        return len(self.network.sent)


def get(path: str = "/Users/1") -> httpx.Request:
    return httpx.Request("GET", URL + path)


def write(method: str = "PATCH") -> httpx.Request:
    return httpx.Request(method, URL + "/Users/1", content=b"{}")


def answer(status: int, retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx.Response(status, headers=headers, content=b"")


OK = answer(200)
WRITES = ["POST", "PATCH", "DELETE"]


# --- which requests are sent again -------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_sent_again_after_an_answer_that_may_pass(status: int) -> None:
    sent = Sent(get(), [answer(status), OK])
    assert (sent.status, sent.attempts) == (200, 2)
    assert sent.limiter.log == ["read", "refused 1", "end", "read", "accepted", "end"]


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 407, 409, 422, 501, 505])
@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_any_other_answer_is_final(method: str, status: int) -> None:
    sent = Sent(httpx.Request(method, URL), [answer(status)])
    assert (sent.status, sent.attempts) == (status, 1)
    assert sent.limiter.log[1:] == ["accepted", "end"]


@pytest.mark.parametrize("method", WRITES)
def test_a_write_is_sent_again_if_the_service_refused_to_look_at_it(method: str) -> None:
    sent = Sent(write(method), [answer(429, "1"), OK])
    assert (sent.status, sent.attempts) == (200, 2)
    assert sent.limiter.log[0] == "write"
    assert [request.content for request in sent.network.sent] == [b"{}"] * 2


@pytest.mark.parametrize("method", WRITES)
def test_a_write_that_an_unavailable_service_may_have_executed_is_not_sent_again_but_slows_down(method: str) -> None:
    sent = Sent(write(method), [answer(503, "3")])
    assert (sent.status, sent.attempts) == (503, 1)
    assert sent.limiter.refusals == [TransientFailure("the service refused it (503)", 3.0, busy=True, retry=False)]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_write_that_failed_elsewhere_is_not_sent_again(method: str, status: int) -> None:
    sent = Sent(write(method), [answer(status)])
    assert (sent.status, sent.attempts) == (status, 1)
    assert "accepted" in sent.limiter.log


@pytest.mark.parametrize("query", ["?startIndex=1&count=100", "?filter=userName+eq+%22a%22"])
@pytest.mark.parametrize(("status", "attempts"), [(429, 2), (503, 2), (500, 1), (502, 1), (504, 1)])
def test_a_first_page_and_a_filter_are_not_repeated_after_a_server_error(
    query: str, status: int, attempts: int
) -> None:
    assert Sent(get(f"/Users{query}"), [answer(status), OK]).attempts == attempts


def test_a_further_page_is_repeated_after_a_server_error() -> None:
    assert Sent(get("/Users?startIndex=101&count=100"), [answer(500), OK]).attempts == 2


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_any_request_is_sent_again_if_no_connection_was_made(method: str, error: type[httpx.HTTPError]) -> None:
    sent = Sent(write(method), [error("no route"), OK])
    assert (sent.status, sent.attempts) == (200, 2)


@pytest.mark.parametrize("error", [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.RemoteProtocolError])
def test_only_a_read_is_sent_again_if_the_answer_is_lost(error: type[httpx.HTTPError]) -> None:
    assert Sent(get(), [error("reset"), OK]).attempts == 2
    lost = Sent(write(), [error("reset"), OK])
    assert (lost.attempts, type(lost.error)) == (1, error)
    assert lost.limiter.log == ["write", "end"], "it says nothing about the rate"


def test_an_invalid_certificate_is_final() -> None:
    refused = httpx.ConnectError("certificate verify failed")
    refused.__cause__ = ssl.SSLCertVerificationError()
    refused.__cause__.verify_code, refused.__cause__.verify_message = 10, "expired"
    sent = Sent(get(), [refused, OK])
    assert (sent.attempts, sent.error) == (1, refused)


# --- what a refusal says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "retry_after", "pause", "busy"),
    [
        (429, None, None, True),
        (429, "7", 7.0, True),
        (429, "Tue, 01 Dec 2026 08:00:09 GMT", 9.0, True),
        (429, "soon", None, True),
        (503, None, None, False),
        (503, "0", 0.0, True),
        (503, "Tue, 01 Dec 2026 08:00:09 GMT", 9.0, True),
        (500, None, None, False),
    ],
)
def test_retry_after_is_passed_on(status: int, retry_after: str | None, pause: float | None, busy: bool) -> None:
    sent = Sent(get(), [answer(status, retry_after), OK])
    assert sent.limiter.refusals == [TransientFailure(f"the service refused it ({status})", pause, busy=busy)]


# --- when it ends ------------------------------------------------------------------------------


def test_the_last_answer_is_returned_when_no_attempt_is_left() -> None:
    sent = Sent(get(), [answer(503), answer(500), answer(429)], attempts=3)
    assert (sent.status, sent.attempts) == (429, 3)
    assert [entry for entry in sent.limiter.log if entry.startswith("refused")] == [
        "refused 1",
        "refused 2",
        "refused 3",
    ]


def test_the_last_exception_is_raised_when_no_attempt_is_left() -> None:
    errors = [httpx.ReadError("first"), httpx.ReadError("second")]
    sent = Sent(get(), errors, attempts=2)
    assert (sent.error, sent.attempts) == (errors[1], 2)


def test_the_slot_is_free_whatever_happens() -> None:
    for replies in ([answer(200)], [answer(429), answer(400)], [httpx.ReadError("reset")] * 3):
        sent = Sent(get(), replies)
        assert sent.limiter.log.count("read") == sent.limiter.log.count("end") == sent.attempts


def patient_limiter() -> RateLimiter:
    class Ticks:
        """A clock that moves instead of waiting."""

        now = 0.0

        def __call__(self) -> float:
            return self.now

        def wait(self, seconds: float | None = None) -> bool:
            Ticks.now += seconds or 0.0
            return False

        def is_set(self) -> bool:
            return False

    ticks = Ticks()
    return RateLimiter(ticks, clock=ticks, spread=lambda: 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("accepted_before", "attempts"), [(0, FIRST_ATTEMPTS), (1, ATTEMPTS)])
def test_a_request_has_a_bounded_number_of_attempts(accepted_before: int, attempts: int) -> None:
    network = Network([*[OK] * accepted_before, *[answer(429, "0")] * 100])
    transport = RetryTransport(network, RULE, patient_limiter())
    for _ in range(accepted_before):
        transport.handle_request(get())
    assert transport.handle_request(get()).status_code == 429
    assert len(network.sent) == accepted_before + attempts


def send_often(transport: RetryTransport) -> None:
    for _ in range(100):
        transport.handle_request(get())


def test_a_run_ends_when_the_service_accepts_nothing_for_long() -> None:
    network = Network([OK, *[answer(429, "0")] * 1000])
    transport = RetryTransport(network, RULE, patient_limiter())
    transport.handle_request(get())
    with pytest.raises(TargetError) as ended:
        send_often(transport)
    assert ended.value.summary == ("the service has accepted no request for 5 minutes: the service refused it (429)")
    assert len(network.sent) < 30


def test_closing_closes_what_is_below() -> None:
    closed: list[bool] = []
    network = Network([])
    network.close = lambda: closed.append(True)  # type: ignore[method-assign]
    RetryTransport(network, RULE, LoggingLimiter()).close()
    assert closed == [True]
