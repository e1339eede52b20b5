"""The adaptive rate against simulated services, in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest

from reconciler.scim.adaptive_rate import AdaptiveRate

LATENCY = 0.006


class LimitedService(Protocol):
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


def simulate(
    service: LimitedService, seconds: float, pause: Callable[[float], float | None], seed: int
) -> tuple[int, int]:
    """Run a client for `seconds`; return requests accepted and refused. `pause`: Retry-After of a refusal at a time."""
    chance, rate, order = random.Random(seed), AdaptiveRate(), itertools.count()  # noqa: S311
    events: list[tuple[float, int, str, float]] = [
        (0.0, next(order), "try", 0.0) for _ in range(AdaptiveRate.MAX_IN_FLIGHT)
    ]
    waiting = in_flight = taken = refused = misses = 0
    refused_at = -1.0
    while events and events[0][0] <= seconds:
        now, _, what, left = heapq.heappop(events)
        if what == "try":
            if in_flight >= int(rate.in_flight_limit):
                waiting += 1
                continue
            if (more := rate.seconds_to_wait(now)) > 1e-9:
                heapq.heappush(events, (now + more, next(order), "try", 0.0))
                continue
            rate.record_sent(now)
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
                rate.record_accepted(now)
            else:
                refused += 1
                if left > refused_at:
                    misses, refused_at = misses + 1, now
                asked = pause(now)
                rate.record_refused(
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
def test_a_bucket_of_one_second_is_used_well_from_the_start(limit: float, pause: str) -> None:
    taken, refused = simulate(Bucket(limit, limit), 22, PAUSES[pause], seed=1)
    assert taken / 22 >= 0.9 * limit
    assert refused / (taken + refused) < 0.02


SERVICES: dict[str, Callable[[float], LimitedService]] = {
    "a small bucket": lambda limit: Bucket(limit, 0.3 * limit),
    "a bucket of a second": lambda limit: Bucket(limit, limit),
    "a large bucket": lambda limit: Bucket(limit, 5 * limit),
    "windows of a second": Window,
}


@pytest.mark.slow
@pytest.mark.parametrize("limit", [25, 100])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("pause", PAUSES)
def test_any_limit_is_used_well_over_time(limit: float, service: str, pause: str) -> None:
    seconds = 90
    taken, refused = simulate(SERVICES[service](limit), seconds, PAUSES[pause], seed=2)
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

    simulate(Lifted(), 180, PAUSES["Retry-After: 1"], seed=3)
    assert len(deferred) / 20 > 2 * 10


@dataclass
class Noisy:
    """Refuses a share of all requests, however few there are."""

    share: float
    chance: random.Random

    def takes(self, _now: float) -> bool:
        return self.chance.random() >= self.share


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.04, 0.06, 0.1, 0.2])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 0"])
def test_refusals_that_are_not_about_the_rate_do_not_stop_a_run(share: float, pause: str) -> None:
    taken, _ = simulate(Noisy(share, random.Random(4)), 120, PAUSES[pause], seed=4)  # noqa: S311
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

    simulate(Lowered(), 180, PAUSES["Retry-After: 1"], seed=5)
    assert counts[True] > 0.7 * 5 * 120
    assert counts[False] < 0.05 * counts[True]


def test_without_a_refusal_nothing_waits() -> None:
    rate = AdaptiveRate()
    for number in range(1000):
        assert rate.seconds_to_wait(number / 1e6) <= 0
        rate.record_sent(number / 1e6)
        rate.record_accepted(number / 1e6)
    assert rate.in_flight_limit == AdaptiveRate.MAX_IN_FLIGHT


def test_requests_refused_together_count_once() -> None:
    rates = [AdaptiveRate(), AdaptiveRate()]
    for rate in rates:
        for number in range(100):
            rate.record_sent(number / 100)
            rate.record_accepted(number / 100)
    for times, rate in zip((1, 8), rates, strict=True):
        for _ in range(times):
            rate.record_refused(1.0, 0.99, 1.0, busy=True)
    assert rates[0].per_second(3.0) == rates[1].per_second(3.0)
    assert rates[0].in_flight_limit == 1


def test_an_outage_does_not_lower_the_rate() -> None:
    rate = AdaptiveRate()
    for number in range(100):
        rate.record_sent(number / 100)
        rate.record_accepted(number / 100)
    rate.record_refused(1.0, 0.99, 1.0, busy=False)
    assert rate.per_second(3.0) == float("inf")
