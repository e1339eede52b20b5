from __future__ import annotations

import itertools
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from reconciler.errors import TargetError
from reconciler.scim import json_body
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.json_body import ELSEWHERE
from reconciler.scim.rate_limiter import RateLimiter, Slot
from reconciler.scim.response_limits import SECONDS_LEFT
from reconciler.scim.retry import (
    ATTEMPTS,
    FIRST_ATTEMPTS,
    READ_SECONDS,
    TransientFailure,
    Tries,
    Wait,
    parse_retry_after,
)
from reconciler.scim.retry_transport import TRIAL_SECONDS, TRIES, ReadLimit, RetryTransport, ScimRetryRule
from reconciler.scim.secret import SentTokens

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)
URL = "https://scim.example.com/scim"
RULE = ScimRetryRule(ErrorMessages(URL, SentTokens(), {}), now=lambda: NOW)


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
    def slot(self, *, writes: bool, until: float) -> Iterator[Slot]:
        self.log.append("write" if writes else "read")
        try:
            yield Slot(1.0)
        finally:
            self.log.append("end")

    def record_accepted(self, slot: Slot) -> None:
        self.log.append("accepted")

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> float:
        self.log.append(f"refused {attempt}")
        self.refusals.append(refusal)
        return 0.0

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        return attempt < self._attempts

    def wait(self, seconds: float) -> None:
        self.log.append(f"wait {seconds:.1f}")


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
    return httpx.Response(status, headers=headers, content=b"{}")


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


@pytest.mark.parametrize(("wanted", "attempts"), [(True, 2), (False, 1)])
def test_a_write_may_say_that_it_is_not_to_be_sent_again(*, wanted: bool, attempts: int) -> None:
    request = write("POST")
    request.extensions["before_resend"] = lambda: wanted
    sent = Sent(request, [answer(429), answer(200)])
    assert (sent.attempts, sent.status) == (attempts, 200 if wanted else 429)
    sent = Sent(request, [httpx.ConnectError("no"), answer(200)])
    assert sent.attempts == 2, "nothing has happened without a connection"


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


class Ticks:
    """A clock that moves instead of waiting, and an event that is never set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float | None = None) -> bool:
        self.now += seconds or 0.0
        return False

    def is_set(self) -> bool:
        return False

    def limiter(self) -> RateLimiter:
        return RateLimiter(self, clock=self, spread=lambda: 0.0)  # type: ignore[arg-type]


def patient_limiter() -> RateLimiter:
    return Ticks().limiter()


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


# --- how long a read may take ------------------------------------------------------------------

Reply = httpx.Response | Exception
TIMEOUT, RESET = httpx.ReadTimeout("timed out"), httpx.RemoteProtocolError("peer closed")
HTML = httpx.Response(503, content=b"<html>")


class SlowNetwork(Network):
    """Answers each request after `seconds`, or when its time is over if that is earlier."""

    def __init__(self, replies: Iterable[Reply], ticks: Ticks, seconds: float) -> None:
        super().__init__(replies)
        self._ticks = ticks
        self._seconds = seconds
        self.allowed: list[float] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left = request.extensions[SECONDS_LEFT]
        self.allowed.append(round(left, 1))
        self._ticks.now += min(self._seconds, left)
        return super().handle_request(request)


class Read:
    """A read that fails again and again while others are answered, by a clock that moves instead of waiting."""

    def __init__(
        self, failure: Reply | Iterable[Reply], seconds: float = 0.0, *, counts_pauses: bool = True, accepted: int = 1
    ) -> None:
        self.ticks = Ticks()
        failures = itertools.repeat(failure) if isinstance(failure, httpx.Response | Exception) else failure
        self.network = SlowNetwork(itertools.chain([OK] * accepted, failures), self.ticks, seconds)
        self.waits: list[Wait] = []
        self.limiter = self.ticks.limiter()
        self.transport = RetryTransport(
            self.network,
            RULE,
            self.limiter,
            reads=ReadLimit(READ_SECONDS, counts_pauses=counts_pauses),
            on_wait=self.waits.append,
            clock=self.ticks,
        )
        for _ in range(accepted):
            self.transport.handle_request(get())
        began, sent = self.ticks.now, len(self.network.sent)
        request = get("/Users?startIndex=201&count=100")
        self.result: Reply
        try:
            self.result = self.transport.handle_request(request)
        except httpx.HTTPError as exc:
            self.result = exc
        self.tries: Tries = request.extensions[TRIES]
        self.seconds = self.ticks.now - began
        self.attempts = len(self.network.sent) - sent


@pytest.mark.parametrize("failure", [answer(503), answer(429), answer(502), answer(504), HTML, RESET])
def test_a_page_that_fails_at_once_is_tried_eight_times_in_half_a_minute(failure: Reply) -> None:
    read = Read(failure)
    assert (read.attempts, round(read.seconds, 1)) == (ATTEMPTS, 25.4)
    assert read.result is failure
    assert (read.tries.number, round(read.tries.elapsed, 1)) == (ATTEMPTS, 25.4)


@pytest.mark.parametrize("seconds", [1.0, 5.0, 12.0, 20.0, 29.9, 30.0, 44.0, 88.0, 90.0, 120.0])
@pytest.mark.parametrize("failure", [answer(503), answer(503, "20"), TIMEOUT, RESET])
def test_a_page_that_fails_late_ends_after_a_minute_and_a_half(failure: Reply, seconds: float) -> None:
    read = Read(failure, seconds)
    assert 1 <= read.attempts <= ATTEMPTS
    assert read.seconds <= READ_SECONDS
    assert read.tries.elapsed == read.seconds


def test_a_page_that_times_out_has_the_rest_of_its_time_for_the_last_attempt() -> None:
    read = Read(TIMEOUT, 30.0)
    assert read.network.allowed[1:] == [90.0, 59.8, 29.4]
    assert read.seconds == READ_SECONDS


@pytest.mark.parametrize("asked", ["90", "120", "3600", "86400", "Tue, 01 Dec 2026 08:02:00 GMT"])
def test_a_longer_pause_than_is_left_ends_the_read_at_once(asked: str) -> None:
    read = Read(answer(503, asked))
    assert (read.attempts, read.seconds, read.waits) == (1, 0.0, [])
    assert read.tries.asked == parse_retry_after(asked, NOW)
    with read.limiter.slot(writes=False) as slot:
        assert slot.sent_at == read.ticks.now, "no other request waits for it either"


def test_a_pause_that_is_too_long_ends_a_read_that_had_waited_before() -> None:
    read = Read([answer(503, "40"), answer(429, "60")])
    assert (read.attempts, read.seconds, read.tries.asked) == (2, 40.0, 60.0)


def test_pauses_that_fit_are_waited_for() -> None:
    read = Read([answer(503, "40"), answer(429, "40"), OK])
    assert (read.attempts, read.seconds) == (3, 80.0)
    assert read.result is OK


def test_while_changes_are_applied_the_pauses_of_the_run_do_not_end_a_read() -> None:
    read = Read([answer(429, "100"), answer(429, "100"), OK], counts_pauses=False)
    assert (read.attempts, read.seconds) == (3, 200.0)
    late = Read(TIMEOUT, 30.0, counts_pauses=False)
    assert (late.attempts, late.network.allowed[1:]) == (3, [90.0, 60.0, 30.0])


def test_a_read_that_may_not_leave_in_time_ends_with_its_last_answer() -> None:
    """Another request of the run is asked to wait for longer than this one has left."""
    ticks = Ticks()
    limiter = ticks.limiter()

    class Refusing(Network):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            ticks.now += 50.0
            with limiter._state:
                limiter._rate.record_refused(ticks.now, ticks.now, 60.0, busy=False)
            return super().handle_request(request)

    last = answer(503)
    network = Refusing([last])
    transport = RetryTransport(network, RULE, limiter, reads=ReadLimit(READ_SECONDS, counts_pauses=True), clock=ticks)
    assert transport.handle_request(get()) is last
    assert (len(network.sent), ticks.now) == (1, 50.0)


def test_a_write_has_no_such_limit() -> None:
    ticks = Ticks()
    network = SlowNetwork([answer(429, "120"), answer(429, "120"), OK], ticks, 0.0)
    transport = RetryTransport(
        network, RULE, ticks.limiter(), reads=ReadLimit(READ_SECONDS, counts_pauses=True), clock=ticks
    )
    assert transport.handle_request(write()).status_code == 200
    assert ticks.now == 240.0


# --- what is reported while it waits -----------------------------------------------------------


def test_each_pause_is_reported_with_its_request_its_reason_and_its_length() -> None:
    read = Read([answer(503), answer(429, "20"), RESET, OK])
    page, refused = "the page from startIndex 201 on", "the service refused it (503)"
    broken = 'the service does not answer: the answer is incomplete: "peer closed"'
    assert read.waits == [
        Wait(page, refused, 1, 0.0, 0.2, asked=False, retry=True),
        Wait(page, "the service refused it (429)", 2, 0.2, 20.0, asked=True, retry=True),
        Wait(page, broken, 3, 20.2, 0.8, asked=False, retry=True),
    ]


def test_no_pause_is_reported_after_the_last_attempt() -> None:
    assert len(Read(answer(503)).waits) == ATTEMPTS - 1


def test_the_pause_after_a_write_that_is_not_sent_again_is_reported() -> None:
    waits: list[Wait] = []
    transport = RetryTransport(
        Network([answer(503, "3")]), RULE, patient_limiter(), on_wait=waits.append, clock=Ticks()
    )
    transport.handle_request(write())
    assert waits == [
        Wait('the user with the id "1"', "the service refused it (503)", 1, 0.0, 3.0, asked=True, retry=False)
    ]


# --- answers without a body --------------------------------------------------------------------


def body(content: bytes, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=content)


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\t", b"{", b'{"totalResults": 3, "Resources": [{"id": "1"}', b'{"id": "']
)
@pytest.mark.parametrize("path", ["/Users/1", "/Users?startIndex=1&count=100", "/Users?filter=userName+eq+%22a%22"])
def test_a_read_answered_without_a_whole_body_is_sent_again_twice(path: str, content: bytes) -> None:
    for lost in (1, 2):
        sent = Sent(get(path), [*[body(content)] * lost, OK], attempts=8)
        assert (sent.response, sent.attempts) == (OK, lost + 1)
    kept = Sent(get(path), [body(content)] * 9, attempts=8)
    assert (kept.attempts, kept.status) == (3, 200)


def test_only_the_read_without_a_whole_body_waits() -> None:
    sent = Sent(get(), [body(b"{")] * 3, attempts=8)
    assert sent.limiter.log == ["read", "end", "wait 0.3", "read", "end", "wait 0.9", "read", "end"]
    mixed = Sent(get(), [body(b"{"), answer(503), OK], attempts=8)
    assert mixed.limiter.log[2:] == ["wait 0.3", "read", "refused 2", "end", "read", "accepted", "end"]


@pytest.mark.parametrize("content", [b"<html></html>", b"ok", b"[]", b"null", b'"text"', b"{}"])
def test_a_body_that_is_not_cut_is_final(content: bytes) -> None:
    assert Sent(get(), [body(content), OK]).attempts == 1


def test_a_body_that_another_process_has_decoded_is_whole() -> None:
    request = get("/Users?startIndex=101&count=100")
    request.extensions[ELSEWHERE] = lambda _content: "a page"
    assert Sent(request, [body(b"{"), OK]).attempts == 1
    request = get("/Users?startIndex=101&count=100")
    request.extensions[ELSEWHERE] = lambda _content: None
    assert Sent(request, [body(b"{"), OK]).attempts == 2


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("content", [b"", b"{"])
def test_a_write_answered_without_a_whole_body_is_not_sent_again(method: str, content: bytes) -> None:
    assert Sent(write(method), [body(content)]).attempts == 1


def test_too_many_values_are_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "MAX_VALUES", 1)
    assert Sent(get(), [body(b'{"a": [1, 2, 3]}'), OK]).attempts == 1


# --- trials ------------------------------------------------------------------------------------


def send_trial(*replies: Reply, seconds: float = 0.0) -> tuple[Reply, SlowNetwork, LoggingLimiter]:
    ticks, limiter = Ticks(), LoggingLimiter()
    network = SlowNetwork(replies, ticks, seconds)
    reads = ReadLimit(READ_SECONDS, counts_pauses=True)
    transport = RetryTransport(network, RULE, limiter, reads=reads, clock=ticks)
    request = get("/Users?startIndex=201&count=1000")
    request.extensions[TRIAL_SECONDS] = 20.0
    try:
        return transport.handle_request(request), network, limiter
    except httpx.HTTPError as exc:
        return exc, network, limiter


@pytest.mark.parametrize("failure", [answer(500), answer(502), answer(503, "1"), answer(504), HTML, RESET, TIMEOUT])
def test_a_trial_that_fails_for_what_it_asks_for_is_not_sent_again(failure: Reply) -> None:
    result, network, limiter = send_trial(failure)
    assert (result, len(network.sent), network.allowed) == (failure, 1, [20.0])
    assert "refused" not in str(limiter.log), "it is no reason for others to wait"


def test_a_trial_whose_answer_is_cut_is_not_sent_again() -> None:
    cut = httpx.Response(200, content=b'{"totalResults": 5, "Res')
    result, network, _ = send_trial(cut)
    assert (result, len(network.sent)) == (cut, 1)


@pytest.mark.parametrize("failure", [answer(429), answer(429, "1"), httpx.ConnectError("refused")])
def test_a_trial_that_was_not_looked_at_is_sent_again(failure: Reply) -> None:
    result, network, _ = send_trial(failure, OK)
    assert (result, len(network.sent)) == (OK, 2)
