"""The pace on simulated services with a limit, by a clock that is told the time, and with real threads."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import StopRequestedError, TargetError
from reconciler.scim.rate_limiter import FREE_RETRIES, LONGEST_PAUSE, PATIENCE, Rate, RateLimiter, retry_after

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)
LATENCY = 0.006


class Limited(Protocol):
    """A service with a limit."""

    def takes(self, now: float) -> bool: ...


@dataclass
class Bucket:
    """`limit` tokens a second, at most `size` of them kept."""

    limit: float
    size: float
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.size

    def takes(self, now: float) -> bool:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.limit)
        self.at = now
        took = self.tokens >= 1
        self.tokens -= took
        return took


@dataclass
class Window:
    """`limit` requests in each second of the clock."""

    limit: float
    second: int = -1
    count: int = 0

    def takes(self, now: float) -> bool:
        if int(now) != self.second:
            self.second, self.count = int(now), 0
        self.count += 1
        return self.count <= self.limit


def simulated(service: Limited, seconds: float, pause: Callable[[float], float | None], seed: int) -> tuple[int, int]:
    """Requests taken and refused in a run of `seconds`. `pause`: what a refusal at a moment asks for."""
    chance, rate, order = random.Random(seed), Rate(), itertools.count()  # noqa: S311
    events: list[tuple[float, int, str, float]] = [(0.0, next(order), "try", 0.0) for _ in range(Rate.MOST)]
    waiting = in_flight = taken = refused = misses = 0
    refused_at = -1.0
    while events and events[0][0] <= seconds:
        now, _, what, left = heapq.heappop(events)
        if what == "try":
            if in_flight >= int(rate.in_flight_limit):
                waiting += 1
                continue
            if (more := rate.wait(now)) > 1e-9:
                heapq.heappush(events, (now + more, next(order), "try", 0.0))
                continue
            rate.leaves(now)
            in_flight += 1
            # The client itself takes a while, too: 0.6 ms for each request.
            reaches = now + 0.0006 * in_flight + LATENCY * (0.35 + 0.3 * chance.random())
            heapq.heappush(events, (reaches, next(order), "serve", now))
        elif what == "serve":
            took = service.takes(now)
            heapq.heappush(events, (now + LATENCY / 2, next(order), "taken" if took else "refused", left))
        else:
            in_flight -= 1
            if what == "taken":
                taken, misses = taken + 1, 0
                rate.accepted(now)
            else:
                refused += 1
                if left > refused_at:
                    misses, refused_at = misses + 1, now
                asked = pause(now)
                rate.refused(
                    now, left, max(asked or 0.0, 0.2 * 2 ** (misses - 1)) * (1 + 0.1 * chance.random()), busy=True
                )
            waiting += 1
            for _ in range(min(waiting, int(rate.in_flight_limit) - in_flight)):
                waiting -= 1
                heapq.heappush(events, (now, next(order), "try", 0.0))
    return taken, refused


PAUSES: dict[str, Callable[[float], float | None]] = {
    "no Retry-After": lambda _now: None,
    "Retry-After: 0": lambda _now: 0.0,
    "Retry-After: 1": lambda _now: 1.0,
    "a date, of whole seconds": lambda now: 1.0 + (int(now) + 1 - now),
}


@pytest.mark.parametrize("limit", [25, 100, 500])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 1"])
def test_a_bucket_of_a_second_is_used_well_from_the_start(limit: float, pause: str) -> None:
    taken, refused = simulated(Bucket(limit, limit), 22, PAUSES[pause], seed=1)
    assert taken / 22 >= 0.9 * limit
    assert refused / (taken + refused) < 0.02


SERVICES: dict[str, Callable[[float], Limited]] = {
    "a small bucket": lambda limit: Bucket(limit, 0.3 * limit),
    "a bucket of a second": lambda limit: Bucket(limit, limit),
    "a large bucket": lambda limit: Bucket(limit, 5 * limit),
    "windows of a second": Window,
}


@pytest.mark.parametrize("limit", [25, 100])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("pause", PAUSES)
def test_any_limit_is_used_well_in_the_long_run(limit: float, service: str, pause: str) -> None:
    seconds = 90
    taken, refused = simulated(SERVICES[service](limit), seconds, PAUSES[pause], seed=2)
    # A pause of two seconds that was not necessary costs what it costs.
    share = 0.78 if pause.startswith("a date") else 0.88
    if service == "windows of a second":
        share -= 0.08  # a window that was over-asked is lost whole
    assert taken / seconds >= share * limit
    assert refused / (taken + refused) < 0.02


def test_a_limit_that_is_lifted_is_noticed() -> None:
    service, deferred = Bucket(10, 10), []

    class Lifted:
        def takes(self, now: float) -> bool:
            service.limit = service.size = 10 if now < 20 else 100
            if now > 160:
                deferred.append(now)
            return service.takes(now)

    simulated(Lifted(), 180, PAUSES["Retry-After: 1"], seed=3)
    assert len(deferred) / 20 > 2 * 10


@dataclass
class Noisy:
    """Refuses a share of all requests, however few there are."""

    share: float
    chance: random.Random

    def takes(self, _now: float) -> bool:
        return self.chance.random() >= self.share


@pytest.mark.parametrize("share", [0.04, 0.06, 0.1, 0.2])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 0"])
def test_refusals_that_are_not_about_the_rate_do_not_stop_a_run(share: float, pause: str) -> None:
    taken, _ = simulated(Noisy(share, random.Random(4)), 120, PAUSES[pause], seed=4)  # noqa: S311
    # Each refusal costs a pause of 0.2 seconds.
    assert taken / 120 > 0.5 / (0.2 * share / (1 - share) + 0.006)


def test_a_limit_that_is_lowered_is_kept() -> None:
    service = Bucket(100, 100)
    counts = {True: 0, False: 0}

    class Lowered:
        def takes(self, now: float) -> bool:
            if now > 30:
                service.limit, service.size = 5, min(service.size, 5)
            took = service.takes(now)
            if now > 60:
                counts[took] += 1
            return took

    simulated(Lowered(), 180, PAUSES["Retry-After: 1"], seed=5)
    assert counts[True] > 0.7 * 5 * 120
    assert counts[False] < 0.05 * counts[True]


def test_without_a_refusal_nothing_waits() -> None:
    rate = Rate()
    for number in range(1000):
        assert rate.wait(number / 1e6) <= 0
        rate.leaves(number / 1e6)
        rate.accepted(number / 1e6)
    assert rate.in_flight_limit == Rate.MOST


def test_requests_refused_together_tell_once() -> None:
    rates = [Rate(), Rate()]
    for rate in rates:
        for number in range(100):
            rate.leaves(number / 100)
            rate.accepted(number / 100)
    for times, rate in zip((1, 8), rates, strict=True):
        for _ in range(times):
            rate.refused(1.0, 0.99, 1.0, busy=True)
    assert rates[0].per_second(3.0) == rates[1].per_second(3.0)
    assert rates[0].in_flight_limit == 1


def test_a_service_that_is_down_costs_no_rate() -> None:
    rate = Rate()
    for number in range(100):
        rate.leaves(number / 100)
        rate.accepted(number / 100)
    rate.refused(1.0, 0.99, 1.0, busy=False)
    assert rate.per_second(3.0) == float("inf")


# --- Retry-After ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("86400", 86400),
        ("Tue, 01 Dec 2026 08:00:07 GMT", 7),
        ("Tue, 01 Dec 2026 09:00:07 +0100", 7),
        ("Tue, 01 Dec 2026 08:00:07", 7),
        # what nobody means
        ("Tue, 01 Dec 2026 07:59:59 GMT", None),
        ("Tue, 01 Dec 2099 08:00:00 GMT", None),
        ("86401", None),
        ("1796112000", None),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Tue, 99 Dec 2026 08:00:07 GMT", None),
        ("Tue, 01 Dec 99999999999 08:00:07 GMT", None),
    ],
)
def test_retry_after_in_both_forms(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


@given(st.text())
def test_retry_after_is_never_a_surprise(text: str) -> None:
    seconds = retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


# --- a run -------------------------------------------------------------------------------------


class Clock:
    """A time that only moves when told, and an event that moves it instead of waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float | None = None) -> bool:
        self.waits.append(seconds or 0.0)
        self.now += seconds or 0.0
        return False

    def is_set(self) -> bool:
        return False


def a_pace(clock: Clock, told: list[float] | None = None) -> RateLimiter:
    return RateLimiter(clock, clock=clock, spread=lambda: 0.0, on_pause=(told if told is not None else []).append)  # type: ignore[arg-type]


def fail(limiter: RateLimiter, pause: float | None, attempt: int = 1, why: str = "it refused (503)") -> None:
    with limiter.turn() as turn:
        limiter.failed(turn, attempt, pause, busy=True, why=why)


def fail_for_ever(limiter: RateLimiter, pause: float | None, taken_every: int = 10_000) -> None:
    for number in range(1, 1000):
        fail(limiter, pause)
        if number % taken_every == 0:
            limiter.accepted()


def test_everybody_waits_for_as_long_as_one_was_told_to() -> None:
    clock, told = Clock(), []  # type: tuple[Clock, list[float]]
    limiter = a_pace(clock, told)
    fail(limiter, 7.0)
    with limiter.turn() as turn:
        assert turn.left == pytest.approx(107.0)
    assert told == [7.0]


def test_a_pause_is_bounded() -> None:
    clock = Clock()
    limiter = a_pace(clock)
    fail(limiter, 50_000.0)
    with limiter.turn() as turn:
        assert turn.left == pytest.approx(100.0 + LONGEST_PAUSE)


def test_without_retry_after_each_pause_is_twice_the_last_until_one_is_taken() -> None:
    clock = Clock()
    limiter = a_pace(clock)
    for _ in range(4):
        fail(limiter, None)
    with limiter.turn():
        limiter.accepted()
    fail(limiter, None)
    with limiter.turn():
        pass
    assert [round(wait, 1) for wait in clock.waits if wait > 0.1] == [0.2, 0.4, 0.8, 1.6, 0.2]


def test_a_service_that_always_refuses_ends_the_run_when_its_patience_is_over() -> None:
    clock = Clock()
    limiter = a_pace(clock)
    with pytest.raises(TargetError, match=r"has taken no request for 5 minutes: it refused \(503\)"):
        fail_for_ever(limiter, None)
    assert PATIENCE < clock.now - 100.0 < PATIENCE + 60


def test_a_service_that_hardly_takes_anything_ends_the_run_when_its_retries_are_spent() -> None:
    limiter = a_pace(Clock())
    with pytest.raises(TargetError, match=r"\d\d requests had to be sent again, the last because it refused"):
        fail_for_ever(limiter, 0.0, taken_every=5)
    assert FREE_RETRIES == 60


def test_a_service_that_takes_half_of_the_requests_never_ends_the_run() -> None:
    limiter = a_pace(Clock())
    for _ in range(500):
        with limiter.turn():
            limiter.accepted()
        with limiter.turn():
            limiter.accepted()
        fail(limiter, 0.0)


# --- threads -----------------------------------------------------------------------------------


def test_a_long_pause_ends_when_somebody_wants_the_run_to_end() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 60.0)
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(StopRequestedError), limiter.turn():
            pass
        ended.append(time.monotonic())

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(wait)
        time.sleep(0.1)
        asked = time.monotonic()
        stop.set()
    assert len(ended) == 8
    assert max(ended) - asked < 5


def test_who_has_only_a_moment_to_wait_still_gets_its_turn() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 0.2)
    stop.set()
    with limiter.turn():
        pass


def test_after_a_refusal_one_goes_alone() -> None:
    limiter, seen, most = RateLimiter(), [], 0  # type: tuple[Pace, list[int], int]
    fail(limiter, 0.0)

    def send() -> None:
        with limiter.turn():
            seen.append(limiter._in_flight)
            time.sleep(0.01)
            if len(seen) > 3:
                limiter.accepted()

    with ThreadPoolExecutor(8) as pool:
        for _ in range(40):
            pool.submit(send)
    most = max(seen[:3])
    assert most == 1
    assert len(seen) == 40


def test_a_write_that_waits_does_not_leave_once_somebody_wants_the_run_to_end() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 0.2)
    stop.set()
    with pytest.raises(StopRequestedError), limiter.turn(writes=True):
        pass


def test_no_more_work_begins_than_can_be_sent_soon() -> None:
    limiter, most, serve = RateLimiter(), [0], [0]

    def work() -> None:
        with limiter.room():
            serve[0] += 1
            most[0] = max(most[0], serve[0])
            time.sleep(0.01)
            serve[0] -= 1

    with ThreadPoolExecutor(16) as pool:
        for _ in range(40):
            pool.submit(work)
    assert most == [4]
