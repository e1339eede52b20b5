from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.untrusted_values import (
    EARLIEST_MODIFICATION,
    parse_count,
    parse_http_date,
    parse_moment,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (25, 25),
        (2**63 - 1, 2**63 - 1),
        (10.0, 10),
        (1e3, 1000),
        (-0.0, 0),
        ("25", 25),
        (" 007 ", 7),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_numbers(value: object, number: int) -> None:
    assert parse_count(value) == number


@pytest.mark.parametrize(
    "value",
    [
        *(-1, 2**63, 10**300, 10.5, -1.0, 1e300, float("nan"), float("inf"), float("-inf")),
        *("", " ", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "²", "٣", "1\u00a0000", "9" * 20, "9" * 5000),
        *(True, False, None, [], {}, [5], b"5"),
    ],
)
def test_what_is_no_number(value: object) -> None:
    assert parse_count(value) is None


def test_a_number_has_an_upper_bound() -> None:
    assert (parse_count(100, 100), parse_count(101, 100), parse_count("101", 100)) == (100, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24T12:00:00.0000000Z",
        "2026-11-24T13:00:00+01:00",
        "2026-11-24 00:00:00-12:00",
        "20261124T120000Z",
    ],
)
def test_dates(text: str) -> None:
    found = parse_moment(text)
    assert (found, found and found.tzinfo) == (datetime(2026, 11, 24, 12, tzinfo=UTC), UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("", "2026-11-24", "2026-11-24T12:00:00", "yesterday", "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"),
        *("1601-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "-2026-11-24T12:00:00Z", "12026-11-24T12:00:00Z"),
        *("２０２６-11-24T12:00:00Z", "2026-11-24T12:00:00Z" + " " * 5000, "2026-11-24\ud80012:00:00Z"),
        *(None, 1764000000, 1764000000.0, True, [], {}),
    ],
)
def test_what_is_no_date(value: object) -> None:
    assert parse_moment(value) is None


def test_dates_that_systems_write_for_none_are_no_modification() -> None:
    unset = ["1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "1999-12-31T23:59:59Z"]
    assert [parse_moment(text, EARLIEST_MODIFICATION) for text in unset] == [None] * 3
    assert parse_moment("2000-01-01T00:00:00Z", EARLIEST_MODIFICATION) == EARLIEST_MODIFICATION


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 24 Nov 2026 12:00:00 GMT",
        "Tue, 24 Nov 2026 12:00:00",
        "Tue, 24 Nov 2026 12:00:00 -0000",
        "Tue, 24 Nov 2026 14:00:00 +0200",
        "Tuesday, 24-Nov-26 12:00:00 GMT",
    ],
)
def test_dates_of_headers(text: str) -> None:
    found = parse_http_date(text)
    assert (found, found and found.tzinfo) == (datetime(2026, 11, 24, 12, tzinfo=UTC), UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "Tue, 99 Nov 2026 12:00:00 GMT", "Tue, 24 Nov 2026 99:00:00 GMT"),
        *("Mon, 01 Jan 101 00:00:00 +1400", "Fri, 31 Dec 9999 23:59:59 -1400", "Fri, 31 Dec 9999 23:59:59 GMT"),
        *("Tue, 24 Nov 2026 12:00:00 +99999999999999", "1" * 5000, "²", None, 5, b"Tue"),
    ],
)
def test_what_is_no_date_of_a_header(value: object) -> None:
    assert parse_http_date(value) is None


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
DATES = st.from_regex(r"[0-9]{1,5}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{2}:[0-9]{2}|Z)?")
HEADERS = st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} Nov [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{4,9}|GMT)")


@given(JSON | DATES | HEADERS)
def test_nothing_raises_and_nothing_is_out_of_bounds(value: object) -> None:
    number = parse_count(value)
    assert number is None or 0 <= number < 2**63
    for moment in (parse_moment(value), parse_http_date(value)):
        assert moment is None or 1970 <= moment.year <= 9998


def test_numbers_of_thousands_of_digits_are_refused_at_once() -> None:
    assert parse_count(10**5000) is None
