"""The adaptive rate against simulated services, in simulated time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from reconciler.scim.adaptive_rate import AdaptiveRate, LearnedRate
from tests.support.rate_simulation import (
    PAUSES,
    Bucket,
    Concurrent,
    LimitedService,
    Noisy,
    Simulation,
    Window,
)


def simulate(service: LimitedService, seconds: float, pause: str, seed: int) -> tuple[int, int]:
    """Run a client for `seconds`; return requests accepted and refused."""
    client = Simulation(service, PAUSES[pause], seed=seed).run(seconds, math.inf)[0]
    return client.taken, client.refused


def apply(service: LimitedService, requests: int, pause: str, latency: float = 0.006) -> tuple[float, float]:
    """Send so many requests; return accepted ones a second, and the share refused."""
    client = Simulation(service, PAUSES[pause], latency).run(1000, requests)[0]
    assert client.taken == requests
    return client.taken / client.last, client.refused / (client.taken + client.refused)


@pytest.mark.parametrize("latency", [0.005, 0.05])
@pytest.mark.parametrize("limit", [25, 100, 500])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 1"])
def test_an_apply_of_1500_updates_uses_the_limit(limit: float, pause: str, latency: float) -> None:
    per_second, refused = apply(Bucket(limit, limit), 3000, pause, latency)
    # The pause of a second that the service asks for costs as much as a sixth of such a short run.
    assert per_second >= (0.9 if pause == "Retry-After: 1" and limit == 500 else 0.95) * limit
    assert refused < 0.01


def test_a_short_run_is_as_fast_as_a_long_one() -> None:
    per_second, _ = apply(Bucket(100, 100), 200, "no Retry-After", 0.05)
    assert per_second > 100


def test_a_service_without_a_burst_is_found_out_soon() -> None:
    per_second, refused = apply(Bucket(100, 2), 3000, "no Retry-After", 0.05)
    assert per_second > 85
    assert refused < 0.01


@pytest.mark.parametrize("limit", [25, 100, 500])
def test_windows_of_a_second_are_used_without_retry_after(limit: float) -> None:
    per_second, refused = apply(Window(limit), 3000, "no Retry-After", 0.05)
    assert per_second > 0.9 * limit
    assert refused < 0.01


def test_a_limit_of_requests_at_once_is_used() -> None:
    per_second, refused = apply(Concurrent(10), 3000, "no Retry-After", 0.2)
    assert per_second > 0.85 * 10 / 0.2
    assert refused < 0.01


def test_two_runs_at_once_both_get_their_share() -> None:
    simulation = Simulation(Bucket(100, 100), PAUSES["no Retry-After"], 0.05)
    one, other = simulation.run(60, math.inf, math.inf)
    assert min(one.taken, other.taken) > 0.25 * 100 * 60
    assert one.taken + other.taken > 0.9 * 100 * 60


def test_what_reading_learned_is_where_writing_begins() -> None:
    assert AdaptiveRate(LearnedRate(6)).in_flight_limit == 6
    assert AdaptiveRate(LearnedRate(1)).in_flight_limit == 4, "fewer prove nothing"
    slowed = AdaptiveRate(LearnedRate(4, 50.0))
    slowed.record_sent(0.0)
    assert slowed.per_second(0.3) == 50.0
    assert slowed.per_second(1.2) > 100, "it does not stay"
    assert slowed.learned(6) == LearnedRate(6, 50.0)


@pytest.mark.parametrize("limit", [25, 100, 500])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 1"])
def test_a_bucket_of_one_second_is_used_well_from_the_start(limit: float, pause: str) -> None:
    taken, refused = simulate(Bucket(limit, limit), 22, pause, seed=1)
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
    taken, refused = simulate(SERVICES[service](limit), seconds, pause, seed=2)
    # A pause of two seconds that was not necessary costs what it costs.
    share = 0.78 if pause.startswith("a date") else 0.88
    if service == "windows of a second":
        share -= 0.08  # a window that was over-asked is lost whole
    assert taken / seconds >= share * limit
    assert refused / (taken + refused) < 0.02


def test_a_limit_that_is_lifted_is_noticed() -> None:
    service, deferred = Bucket(10, 10), []

    class Lifted:
        def takes(self, now: float, busy: int) -> bool:
            service.limit = service.size = 10 if now < 20 else 100
            if now > 160:
                deferred.append(now)
            return service.takes(now, busy)

    simulate(Lifted(), 180, "Retry-After: 1", seed=3)
    assert len(deferred) / 20 > 2 * 10


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.04, 0.06, 0.1, 0.2])
@pytest.mark.parametrize("pause", ["no Retry-After", "Retry-After: 0"])
def test_refusals_that_are_not_about_the_rate_do_not_stop_a_run(share: float, pause: str) -> None:
    taken, _ = simulate(Noisy(share, random.Random(4)), 120, pause, seed=4)  # noqa: S311
    # Each refusal costs a pause of 0.2 seconds.
    assert taken / 120 > 0.5 / (0.2 * share / (1 - share) + 0.006)


def test_a_limit_that_is_lowered_is_kept() -> None:
    service = Bucket(100, 100)
    counts = {True: 0, False: 0}

    class Lowered:
        def takes(self, now: float, busy: int) -> bool:
            if now > 30:
                service.limit, service.size = 5, min(service.size, 5)
            took = service.takes(now, busy)
            if now > 60:
                counts[took] += 1
            return took

    simulate(Lowered(), 180, "Retry-After: 1", seed=5)
    assert counts[True] > 0.7 * 5 * 120
    assert counts[False] < 0.05 * counts[True]


def test_without_a_refusal_nothing_waits() -> None:
    rate, now = AdaptiveRate(LearnedRate()), 0.0
    for _ in range(1000):
        assert rate.seconds_to_wait(now) <= 0
        rate.record_sent(now)
        now += 0.1 / rate.in_flight_limit
        rate.record_accepted(now, now)
    assert rate.in_flight_limit == AdaptiveRate.MAX_IN_FLIGHT


def test_requests_refused_together_count_once() -> None:
    rates = [AdaptiveRate(LearnedRate()), AdaptiveRate(LearnedRate())]
    for rate in rates:
        for number in range(100):
            rate.record_sent(number / 100)
            rate.record_accepted(number / 100, number / 100)
    for times, rate in zip((1, 8), rates, strict=True):
        for _ in range(times):
            rate.record_refused(1.0, 0.99, 1.0, busy=True)
    assert rates[0].per_second(3.0) == rates[1].per_second(3.0)
    assert rates[0].in_flight_limit == 1


def test_an_outage_does_not_lower_the_rate() -> None:
    rate = AdaptiveRate(LearnedRate())
    for number in range(100):
        rate.record_sent(number / 100)
        rate.record_accepted(number / 100, number / 100)
    rate.record_refused(1.0, 0.99, 1.0, busy=False)
    assert rate.per_second(3.0) == float("inf")


def test_a_rate_that_was_not_reached_is_not_learned() -> None:
    # So far away, requests in flight keep the rate down, however fast it may be.
    per_second, refused = apply(Bucket(25, 7.5), 3000, "Retry-After: 1", 0.2)
    assert per_second > 0.9 * 25
    assert refused < 0.01


def test_an_answer_from_before_a_refusal_does_not_end_it() -> None:
    rate = AdaptiveRate(LearnedRate())
    rate.record_sent(0.0)
    rate.record_refused(1.0, 0.9, 1.0, busy=True)
    rate.record_accepted(1.1, 0.95)
    assert rate.in_flight_limit == 1
    rate.record_accepted(2.2, 2.1)
    assert rate.in_flight_limit == 4
