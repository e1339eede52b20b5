from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from reconciler.scim.failed_reads import advise_next_run, describe_failed_read, format_time
from reconciler.scim.retry import Tries

NOW = datetime(2026, 12, 1, 23, 59, 30, 500_000, tzinfo=UTC)
PAGE = "/Users?startIndex=201&count=100"


def count_tries(number: int, seconds: float = 0.0, asked: float | None = None) -> Tries:
    tries = Tries()
    for _ in range(number):
        tries.begin(0.0)
    tries.end(seconds)
    tries.asked = asked
    return tries


@pytest.mark.parametrize(
    ("method", "path", "tries", "text"),
    [
        ("GET", PAGE, count_tries(1), " (the page from startIndex 201 on)"),
        ("GET", PAGE, count_tries(8, 25.4), " (the page from startIndex 201 on, 8 tries in 25 seconds)"),
        ("GET", PAGE, count_tries(2, 1.4), " (the page from startIndex 201 on, 2 tries in 1 second)"),
        ("GET", "/Users?startIndex=1", count_tries(4, 1.4), " (4 tries in 1 second)"),
        ("GET", "/Users?cursor=&count=100", count_tries(1), ""),
        ("GET", "/Users?cursor=x&count=100", count_tries(1), ' (the page at cursor "x")'),
        ("GET", "/Users?filter=userName+eq+%22a%22", count_tries(1), ' (the users with the userName "a")'),
        ("GET", "/Users/7", count_tries(1), ""),
        ("GET", "/Users/7", count_tries(3, 90.0), " (3 tries in 90 seconds)"),
        ("GET", "/Users/7", count_tries(1, asked=4.2), " (it asks to wait 5 seconds, until 23:59:35 UTC)"),
        (
            "GET",
            PAGE,
            count_tries(2, 3, asked=3600.0),
            " (the page from startIndex 201 on, 2 tries in 3 seconds, it asks to wait 3,600 seconds, until 2026-12-02 00:59:30 UTC)",  # noqa: E501
        ),
        ("PATCH", "/Users/7", count_tries(3, 90.0), ""),
        ("GET", PAGE, None, ""),
    ],
)
def test_a_failed_read_says_which_one_how_often_and_how_long(
    method: str, path: str, tries: Tries | None, text: str
) -> None:
    assert describe_failed_read(httpx.Request(method, f"https://scim.example.com{path}"), tries, NOW) == text


def test_the_time_that_the_service_asks_for_is_when_to_go_on() -> None:
    assert advise_next_run(count_tries(3), NOW) == "Run the same command again when the service works."
    assert advise_next_run(None, NOW) == "Run the same command again when the service works."
    assert advise_next_run(count_tries(1, asked=600.0), NOW) == (
        "Run the same command again after 2026-12-02 00:09:30 UTC: a read does not wait that long."
    )


def test_the_day_is_named_if_it_is_another_one() -> None:
    assert format_time(NOW, 20.1) == "23:59:51 UTC"
    assert format_time(NOW, 30.0) == "2026-12-02 00:00:00 UTC"
