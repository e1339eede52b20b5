from __future__ import annotations

import threading
import time

import pytest

from reconciler.apply.time_limit import MAX_SECONDS, MIN_CHANGES, TimeLimit, stop_in_time
from reconciler.scim.pace import WINDOW


class Apply:
    """An apply under a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.limit = TimeLimit(clock=lambda: self.now)

    def changes(self, number: int, *, seconds: float) -> int:
        """End `number` changes, `seconds` apart; return how many ended before the limit was exceeded."""
        for ended in range(number):
            self.now += seconds
            if not self.limit.check():
                return ended
            self.limit.record_outcome()
        return number


def test_a_million_changes_end_within_the_limit() -> None:
    apply = Apply()
    assert apply.changes(1_000_000, seconds=1 / 12) == 1_000_000
    assert apply.limit.exceeded == ""


def test_a_service_that_allows_a_request_every_ten_seconds_is_not_too_slow() -> None:
    assert Apply().changes(1000, seconds=30) == 1000


def test_an_outage_of_five_minutes_is_waited_for() -> None:
    apply = Apply()
    apply.changes(100, seconds=30)
    apply.now += 300
    assert apply.changes(100, seconds=30) == 100


def test_an_apply_that_gets_nowhere_ends_after_a_quarter_of_an_hour() -> None:
    apply = Apply()
    assert apply.changes(1000, seconds=120) == 7
    assert apply.limit.exceeded == "the service is too slow: 7 changes finished in the last 16 minutes"
    assert MIN_CHANGES == 10


def test_an_apply_that_stalls_later_is_judged_by_its_last_window() -> None:
    apply = Apply()
    apply.changes(1000, seconds=1)
    began = apply.now
    apply.changes(1000, seconds=120)
    assert apply.limit.exceeded
    assert apply.now - began < 2 * WINDOW


def test_nothing_is_judged_before_the_window_is_over() -> None:
    apply = Apply()
    apply.now += WINDOW - 1
    assert apply.limit.check()
    apply.now += 1
    assert not apply.limit.check()


def test_an_apply_ends_at_the_ceiling_however_well_it_goes() -> None:
    apply = Apply()
    apply.changes(10_000_000, seconds=10)
    assert apply.limit.exceeded == "it took longer than 24 hours"
    assert MAX_SECONDS < apply.now - 1000 <= MAX_SECONDS + 10


# --- the watcher -------------------------------------------------------------------------------


def wait_for_end(stop: threading.Event, seconds: float) -> bool:
    return stop.wait(seconds)


def test_an_exceeded_limit_stops_the_apply() -> None:
    apply, stop = Apply(), threading.Event()
    with stop_in_time(apply.limit, stop, interval=0.001):
        assert not wait_for_end(stop, 0.05)
        apply.now += WINDOW
        assert wait_for_end(stop, 10)
    assert apply.limit.exceeded


def test_an_apply_that_the_user_stopped_did_not_run_out_of_time() -> None:
    apply, stop = Apply(), threading.Event()
    with stop_in_time(apply.limit, stop, interval=0.001):
        stop.set()
        time.sleep(0.05)
        apply.now += MAX_SECONDS + 1
        time.sleep(0.05)
    assert apply.limit.exceeded == ""


@pytest.mark.parametrize("error", [None, KeyError("x")])
def test_the_watcher_ends_with_the_apply(error: Exception | None) -> None:
    apply, stop = Apply(), threading.Event()
    try:
        with stop_in_time(apply.limit, stop, interval=60):
            if error is not None:
                raise error
    except KeyError:
        pass
    assert not stop.is_set()
    assert "time limit" not in [thread.name for thread in threading.enumerate()]
