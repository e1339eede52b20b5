import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.scope.dates import NEVER, parse_day

FIRST, LAST = datetime(1918, 1, 1), datetime(4700, 1, 1)  # noqa: DTZ001 # as Hypothesis takes them
ISO = [
    ("2026-12-01", date(2026, 12, 1)),
    (" 2026-12-01 ", date(2026, 12, 1)),
    ("2026-12-01T00:00:00Z", date(2026, 12, 1)),
    ("2026-12-01T00:00:00.0000000Z", date(2026, 12, 1)),
    ("2026-12-01T23:59:59", date(2026, 12, 1)),
    ("2026-12-01 08:00", date(2026, 12, 1)),
    ("20261201", date(2026, 12, 1)),
    ("20261201T080000Z", date(2026, 12, 1)),
    # the day in UTC
    ("2026-12-01T00:59:59+01:00", date(2026, 11, 30)),
    ("2026-12-01T01:00:00+01:00", date(2026, 12, 1)),
    ("2026-11-30T23:00:00-01:00", date(2026, 12, 1)),
    ("2026-11-30T22:59:59-01:00", date(2026, 11, 30)),
    ("9999-12-31", date(9999, 12, 31)),
    ("1901-01-01", date(1901, 1, 1)),
]
ACTIVE_DIRECTORY = [
    ("20271231000000.0Z", date(2027, 12, 31)),
    ("20271231235960Z", date(2027, 12, 31)),
    ("20271231000000Z", date(2027, 12, 31)),
    ("20271231000000", date(2027, 12, 31)),
    ("202712310000Z", date(2027, 12, 31)),
    ("2027123100Z", date(2027, 12, 31)),
    ("20271231003000.0+0100", date(2027, 12, 30)),
    ("20271231233000,5-0100", date(2028, 1, 1)),
    ("20271231233000-01", date(2028, 1, 1)),
    ("134431488000000000", date(2026, 12, 31)),
    ("134431487999999999", date(2026, 12, 30)),
    ("9223372036854775807", NEVER),
    (" 9223372036854775807 ", NEVER),
]


@pytest.mark.parametrize(("text", "found"), [*ISO, *ACTIVE_DIRECTORY])
def test_the_forms_of_directories_are_read_as_days_of_utc(text: str, found: date) -> None:
    assert parse_day(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "0",
        "-1",
        # forms whose parts can be confused
        "31.12.2027",
        "12/31/2027",
        "12/01/2026",
        "31-12-2027",
        "27-12-31",
        "271231",
        "31122027",
        "Dec 31, 2027",
        # weeks, ordinal dates, other units
        "2026-W49-2",
        "2026W492",
        "2026-335",
        "2026335",
        "1830211200",
        "1830211200000",
        "1830211200000000",
        "1830211200000000000",
        "1.8e9",
        "46752",
        # days and times that do not exist
        "2026-02-30",
        "20260230",
        "20271331000000.0Z",
        "20271231250000Z",
        "20271231006000Z",
        "20271231000061Z",
        "2026-12-01x",
        "2026-12-01T",
        "2026-12-01T25:00",
        "2027123100",
        "202712310000",
        "20271231000000.Z",
        "20271231000000.0Zx",
        "20271231000000.0+2500",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "99991231235959-0100",
        # what systems write for a date that is not set
        "0001-01-01",
        "00010101000000.0Z",
        "1601-01-01T00:00:00Z",
        "16010101000000.0Z",
        "1899-12-30",
        "1900-01-01",
        "\uff12\uff10\uff12\uff16-12-01",
        "\u0662\u0660\u0662\u0667\u0661\u0662\u0663\u0661",
    ],
)
def test_what_is_no_date_is_not_guessed(text: str) -> None:
    assert parse_day(text) is None


@given(st.datetimes(FIRST, LAST).map(lambda when: when.replace(tzinfo=UTC)))
def test_all_forms_of_one_moment_are_one_day(when: datetime) -> None:
    filetime = (when - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    forms = (when.isoformat(), f"{when:%Y%m%d%H%M%S}.{when.microsecond:06}Z", str(filetime), f"{when:%Y-%m-%d}")
    assert {parse_day(form) for form in forms} == {when.date()}


@given(st.text(max_size=30) | st.text("0123456789-+:.TZW /", max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = parse_day(text)
    assert found is None or found.year > 1900


def test_a_long_text_is_no_date_at_once() -> None:
    started = time.process_time()
    for piece in ("2", "2027-12-31", "20271231000000.0"):
        assert parse_day(piece * 1_000_000) is None
    assert time.process_time() - started < 1
