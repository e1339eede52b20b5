from datetime import UTC, datetime

import pytest

from reconciler.record.history_state import find_last_moment
from reconciler.record.receipt_line import ApplyFinished, ApplyStarted, Finished, ReceiptLine, UnknownLine

EARLY, LATE = "2026-03-01T10:00:00Z", "2026-03-02T10:00:00+01:00"


def test_the_last_line_says_when_time_stops_to_matter() -> None:
    lines = [ApplyStarted(time=LATE, service_ahead=60), Finished(time=EARLY), ApplyFinished(time=EARLY)]
    assert find_last_moment(lines) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert find_last_moment([]) is None


@pytest.mark.parametrize(
    "line",
    [
        Finished(),
        Finished(time="yesterday"),
        UnknownLine(time=EARLY),
        ApplyStarted(time=EARLY, service_ahead=43_201),
        ApplyStarted(time=EARLY, service_ahead=-43_201),
    ],
    ids=repr,
)
def test_a_line_that_may_be_judged_differently_some_day_keeps_its_receipt_from_being_settled(line: ReceiptLine) -> None:
    assert find_last_moment([ApplyStarted(time=EARLY), line]) is None
