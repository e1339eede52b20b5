from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import TargetError
from reconciler.scim.retry import (
    ATTEMPTS,
    FIRST_ATTEMPTS,
    FREE_RETRIES,
    MAX_PAUSE,
    PATIENCE,
    RetryBudget,
    Tries,
    parse_retry_after,
)

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("86400", 86400),
        ("00000000000005", 5),
        ("Tue, 01 Dec 2026 08:00:07 GMT", 7),
        ("Tue, 01 Dec 2026 09:00:07 +0100", 7),
        ("Tue, 01 Dec 2026 08:00:07", 7),
        # errors of the service
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
        ("Fri, 31 Dec 9999 23:59:59 -1400", None),
        ("²", None),
    ],
)
def test_retry_after_in_both_forms(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(st.text())
def test_retry_after_is_always_within_bounds(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


# --- pauses ------------------------------------------------------------------------------------


def test_without_retry_after_each_refusal_doubles_the_pause_up_to_30_seconds() -> None:
    budget, pauses, now = RetryBudget(), [], 0.0
    for _ in range(10):
        pauses.append(budget.record_refused(now + 1, sent_at=now, attempt=1, pause=None))
        now += 100
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_an_accepted_request_resets_the_pause() -> None:
    budget = RetryBudget()
    for sent in (0.0, 10.0, 20.0):
        budget.record_refused(sent + 1, sent_at=sent, attempt=1, pause=None)
    budget.record_accepted()
    assert budget.record_refused(31.0, sent_at=30.0, attempt=1, pause=None) == 0.2


def test_requests_refused_together_double_the_pause_once() -> None:
    budget = RetryBudget()
    together = [budget.record_refused(1.0 + late / 10, sent_at=0.0, attempt=1, pause=None) for late in range(8)]
    assert together == [0.2] * 8
    assert budget.record_refused(3.0, sent_at=2.0, attempt=1, pause=None) == 0.4


def test_the_attempts_of_one_request_double_the_pause_even_if_others_are_accepted() -> None:
    budget = RetryBudget()
    pauses = []
    for attempt in (1, 2, 3):
        pauses.append(budget.record_refused(2.0 * attempt, sent_at=2.0 * attempt - 1, attempt=attempt, pause=None))
        budget.record_accepted()
    assert pauses == [0.2, 0.4, 0.8]


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 0.2), (0.1, 0.2), (7.0, 7.0), (50_000.0, MAX_PAUSE)])
def test_retry_after_is_followed_between_backoff_and_the_longest_pause(asked: float, pause: float) -> None:
    assert RetryBudget().record_refused(1.0, sent_at=0.0, attempt=1, pause=asked) == pause


# --- the budget --------------------------------------------------------------------------------


def count_attempts(budget: RetryBudget) -> int:
    return next(attempt for attempt in range(1, 100) if not budget.spend(0.0, attempt, "refused"))


def test_a_request_has_fewer_attempts_until_the_service_accepts_one() -> None:
    fresh, working = RetryBudget(), RetryBudget()
    working.record_accepted()
    assert (count_attempts(fresh), count_attempts(working)) == (FIRST_ATTEMPTS, ATTEMPTS)


@pytest.mark.parametrize("accepted", [0, 1, 2, 100])
def test_a_run_has_60_retries_and_one_for_every_second_accepted_request(accepted: int) -> None:
    budget = RetryBudget()
    for _ in range(accepted):
        budget.record_accepted()
    retries = FREE_RETRIES + accepted // 2
    for _ in range(retries):
        budget.spend(0.0, 1, "refused")
    with pytest.raises(TargetError) as ended:
        budget.spend(0.0, 1, "it refused (503)")
    assert ended.value.summary == (
        f"the service keeps failing: {retries + 1} requests had to be sent again, the last because it refused (503)"
    )


def test_a_run_ends_after_five_minutes_without_an_accepted_request() -> None:
    budget = RetryBudget()
    budget.record_refused(100.0, sent_at=99.0, attempt=1, pause=None)
    budget.record_refused(300.0, sent_at=299.0, attempt=2, pause=None)
    assert budget.spend(100.0 + PATIENCE, 2, "refused")
    with pytest.raises(TargetError, match=r"^the service has accepted no request for 5 minutes: refused$"):
        budget.spend(100.1 + PATIENCE, 2, "refused")


def test_an_accepted_request_restores_the_patience() -> None:
    budget = RetryBudget()
    budget.record_refused(100.0, sent_at=99.0, attempt=1, pause=None)
    budget.record_accepted()
    assert budget.spend(10_000.0, 1, "refused")


# --- the tries of one request ------------------------------------------------------------------


def count_tries(tries: Tries, *attempts: tuple[float, float]) -> list[float]:
    """Count attempts, each sent at a time and ended at one; return the seconds that each was allowed."""
    allowed = []
    for sent, ended in attempts:
        allowed.append(tries.begin(sent))
        tries.end(ended)
    return allowed


def test_the_time_of_a_read_includes_its_pauses() -> None:
    tries = Tries(90.0)
    assert tries.until == math.inf, "a first attempt waits for its slot"
    assert count_tries(tries, (100.0, 130.0), (135.0, 165.0)) == [90.0, 55.0]
    assert (tries.number, tries.elapsed, tries.until) == (2, 65.0, 189.0)
    assert [tries.leaves_time(pause) for pause in (0.0, 24.0, 24.1, 3600.0)] == [True, True, False, False]


def test_the_time_of_a_read_during_an_apply_is_that_of_its_attempts() -> None:
    tries = Tries(90.0, counts_pauses=False)
    assert count_tries(tries, (100.0, 130.0), (500.0, 530.0)) == [90.0, 60.0]
    assert (tries.number, tries.elapsed, tries.until) == (2, 430.0, math.inf)
    assert tries.leaves_time(3600.0)
    assert count_tries(tries, (1000.0, 1029.5)) == [30.0]
    assert not tries.leaves_time(0.0)


def test_a_request_without_a_limit_may_always_go_on() -> None:
    tries = Tries()
    assert count_tries(tries, (0.0, 9e9)) == [math.inf]
    assert tries.leaves_time(9e9)
    assert tries.until == math.inf


def test_another_service_has_its_own_limits() -> None:
    budget = RetryBudget(longest_pause=600.0, patience=900.0)
    assert budget.record_refused(100.0, 99.0, 1, 400.0) == 400.0
    assert budget.spend(999.0, 1, "refused")
    with pytest.raises(TargetError, match=r"^the service has accepted no request for 15 minutes: refused$"):
        budget.spend(1000.1, 2, "refused")
