from __future__ import annotations

from reconciler.scim.pace import WINDOW, Pace


def test_without_a_record_there_is_no_pace() -> None:
    assert Pace().measure(5000.0, 7) == (0.0, 0)


def test_at_the_beginning_the_pace_is_that_of_all() -> None:
    pace = Pace()
    pace.record(100.0, 0)
    assert pace.measure(160.0, 30) == (60.0, 30)


def test_later_the_pace_is_that_of_the_last_window() -> None:
    pace = Pace()
    for second in range(0, 10_000, 10):
        pace.record(float(second), second)
    seconds, done = pace.measure(10_000.0, 10_000)
    assert WINDOW <= seconds <= WINDOW * 16 / 15
    assert done == seconds


def test_what_stalled_for_longer_than_a_window_is_measured_from_its_last_record() -> None:
    pace = Pace()
    pace.record(0.0, 0)
    pace.record(100.0, 10)
    assert pace.measure(100.0 + 5 * WINDOW, 10) == (5 * WINDOW, 0)


def test_a_restart_begins_with_the_next_record() -> None:
    pace = Pace()
    pace.record(0.0, 10)
    pace.restart()
    assert pace.measure(500.0, 10) == (0.0, 0)
    pace.record(600.0, 1)
    assert pace.measure(660.0, 3) == (60.0, 2)
