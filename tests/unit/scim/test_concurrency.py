"""How many requests are in flight at once."""

from __future__ import annotations

import pytest

from reconciler.scim.concurrency import FIRST, MOST, Concurrency


def answer(concurrency: Concurrency, count: int, now: float, capacity: float, latency: float) -> float:
    """Answer `count` requests of a service that answers each after `latency`, and `capacity` a second at most."""
    for _ in range(count):
        now += max(latency / concurrency.limit, 1 / capacity)
        concurrency.record_accepted(now)
    return now


def test_a_service_far_away_gets_as_many_as_possible_soon() -> None:
    concurrency = Concurrency()
    answer(concurrency, 70, 0.0, 1000, 0.2)
    assert concurrency.limit == MOST


def test_no_more_are_sent_than_bring_more() -> None:
    concurrency = Concurrency()
    now = answer(concurrency, 100, 0.0, 500, 0.004)
    limits = set()
    for _ in range(2000):
        now = answer(concurrency, 1, now, 500, 0.004)
        limits.add(concurrency.limit)
    assert limits <= {FIRST, 2 * FIRST}, "the trials go no further"


def test_a_service_that_becomes_slow_gets_more() -> None:
    concurrency = Concurrency()
    now = answer(concurrency, 300, 0.0, 500, 0.004)
    answer(concurrency, 4000, now, 500, 0.2)
    assert concurrency.limit == MOST


@pytest.mark.parametrize("most", [4, 5, 7])
def test_a_number_that_is_refused_is_taken_back_and_approached_by_one(most: int) -> None:
    concurrency, now = Concurrency(), 0.0
    refused = 0
    for _ in range(20_000):
        now = answer(concurrency, 1, now, 1000, 0.1)
        if concurrency.limit > most:
            concurrency.record_refused()
            refused += 1
    assert concurrency.limit in (most, most + 1), "at it, or at the next trial"
    assert refused < 50, "one for 400 answers"
