from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reconciler.scim.service_clock import ServiceClock, compute_offset

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


def ticking(*seconds: float) -> Callable[[], datetime]:
    times: Iterator[float] = iter(seconds)
    return lambda: NOON + timedelta(seconds=next(times))


@pytest.mark.parametrize(
    ("sent", "received", "offset"),
    [
        # Date has whole seconds, and the answer was written at any moment between the two
        (0, 0, 0),
        (0.9, 0.9, 0),
        (-30, 30, 0),
        (-30, 0, 0),
        (0.5, 60, 0),
        # at least so far away
        (3_600, 3_601, 3_599),
        (-3_600, -3_590, -3_590),
        (5, 6, 4),
        (-20, -10, -10),
    ],
)
def test_the_offset_is_what_no_delay_explains(sent: float, received: float, offset: float) -> None:
    moments = (NOON + timedelta(seconds=seconds) for seconds in (sent, received))
    assert compute_offset(httpx.Headers({"Date": DATE}), *moments) == timedelta(seconds=offset)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Sun, 99 Mar 2026 12:00:00 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"},
        {"Date": "9" * 5_000},
    ],
)
def test_without_a_date_nothing_is_known(headers: dict[str, str]) -> None:
    assert compute_offset(httpx.Headers(headers), NOON, NOON) is None


@pytest.mark.parametrize(
    ("age", "offset"), [("3600", 0), ("1800", 1_799), ("-1", 3_599), ("9" * 99, 3_599), ("x", 3_599)]
)
def test_an_answer_can_have_waited_in_a_cache(age: str, offset: int) -> None:
    headers = httpx.Headers({"Date": "Sun, 01 Mar 2026 11:00:00 GMT", "Age": age})
    assert compute_offset(headers, NOON, NOON) == timedelta(seconds=offset)


def test_the_latest_date_and_the_longest_age_are_far_in_the_future() -> None:
    headers = {"Date": "Fri, 31 Dec 9998 00:00:00 GMT"}
    offsets = [compute_offset(httpx.Headers({**headers, "Age": f"{86_400 * days}"}), NOON, NOON) for days in (365, 366)]
    assert all(offset is not None and offset < timedelta(days=-365 * 7_000) for offset in offsets)


@pytest.mark.parametrize("second", [DATE, "Sun, 01 Mar 2026 09:00:00 GMT", "Sun, 01 Mar 2026 16:00:00 GMT", None])
def test_the_smallest_offset_of_all_answers_counts(second: str | None) -> None:
    dates = iter(["Sun, 01 Mar 2026 11:00:00 GMT", second])

    def answer(_request: httpx.Request) -> httpx.Response:
        date = next(dates)
        return httpx.Response(200, headers={"Date": date} if date is not None else {})

    clock = ServiceClock(httpx.MockTransport(answer), ticking(0, 0, 0, 0))
    assert clock.offset is None
    for _ in range(2):
        assert clock.handle_request(httpx.Request("GET", "https://scim.example.com")).status_code == 200
    assert clock.offset == (timedelta(0) if second == DATE else timedelta(seconds=3_599))
    clock.close()


def test_a_date_that_cannot_be_read_is_kept() -> None:
    dates = iter([None, "yesterday", None])

    def answer(_request: httpx.Request) -> httpx.Response:
        date = next(dates)
        return httpx.Response(200, headers={"Date": date} if date is not None else {})

    clock = ServiceClock(httpx.MockTransport(answer), ticking(*[0] * 6))
    found = []
    for _ in range(3):
        clock.handle_request(httpx.Request("GET", "https://scim.example.com"))
        found.append((clock.offset, clock.unreadable_date))
    assert found == [(None, None), (None, "yesterday"), (None, "yesterday")]
