from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import CONTEXT

from reconciler.expressions import date_values
from reconciler.expressions.language import (
    EvaluationError,
    compile_expression,
)


@given(st.text(max_size=30) | st.text("0123456789-/:. TZAPM+", max_size=30))
def test_any_text_is_a_date_or_an_error(text: str) -> None:
    for source in ("CDate([a])", 'FormatDateTime([a], , "yyyy-MM-dd h:m:s.FFF tt K", "o")'):
        try:
            compile_expression(source).evaluate({"a": text}, CONTEXT)
        except EvaluationError:
            continue


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-08-24", datetime(2021, 8, 24, tzinfo=UTC)),
        ("8/24/2021 1:02 PM", datetime(2021, 8, 24, 13, 2, tzinfo=UTC)),
        ("2021-08-24T23:30:00.1234567+02:00", datetime(2021, 8, 24, 21, 30, 0, 123456, tzinfo=UTC)),
        ("Mon, 15 Jun 2009 20:45:30 GMT", datetime(2009, 6, 15, 20, 45, 30, tzinfo=UTC)),
        ("June 15, 2009", datetime(2009, 6, 15, tzinfo=UTC)),
    ],
)
def test_dates_are_parsed_to_utc(text: str, moment: datetime) -> None:
    assert date_values.parse_date(f" {text} ") == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", '"soon" is not a date'),
        ("2021-02-30", "is not a date that exists"),
        ("2021-01-01T13:00 PM", "is not a date that exists"),
        ("2021-01-01+15:00", "has an offset that does not exist"),
        ("2021-01-01+01:60", "has an offset that does not exist"),
        ("1" * 81, "is not a date"),
    ],
)
def test_other_texts_are_errors(text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        date_values.parse_date(text)


def test_the_standard_format_is_parsed_back() -> None:
    moment = datetime(2021, 8, 24, 0, 5, 9, tzinfo=UTC)
    assert date_values.format_standard(moment) == "8/24/2021 12:05:09 AM"
    assert date_values.parse_standard("8/24/2021 12:05:09 AM") == moment
    assert date_values.parse_standard("8/24/2021") is None
    assert date_values.parse_standard("13/1/2021 1:00:00 AM") is None


def test_names_are_found_by_three_letters_or_in_full() -> None:
    assert [date_values.find_name(name, date_values.MONTHS) for name in ("january", "DEC", "Sept")] == [1, 12, 0]


def test_hours_of_a_12_hour_clock() -> None:
    cases = [(12, "A"), (12, "P"), (1, "p"), (13, "A"), (0, "A"), (23, None)]
    assert [date_values.to_24_hours(hour, half) for hour, half in cases] == [0, 12, 13, -1, -1, 23]


def test_offsets_are_minutes() -> None:
    assert [date_values.parse_offset(zone) for zone in ("Z", "GMT", "+08:00", "-0730", "+5:30")] == [
        0,
        0,
        480,
        -450,
        330,
    ]


def test_a_month_later_ends_with_the_month() -> None:
    start = datetime(2024, 1, 31, tzinfo=UTC)
    assert date_values.add_interval("m", 1, start) == datetime(2024, 2, 29, tzinfo=UTC)
    assert date_values.add_interval("yyyy", 1, datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2025, 2, 28, tzinfo=UTC)
    assert date_values.add_interval("ww", -1, start) == datetime(2024, 1, 24, tzinfo=UTC)


@pytest.mark.parametrize("interval", ["yyyy", "m", "d"])
def test_the_calendar_ends(interval: str) -> None:
    with pytest.raises(EvaluationError, match="is outside the calendar"):
        date_values.add_interval(interval, 10**9, datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("interval", "count"), [("yyyy", 1), ("m", 1), ("ww", 0), ("d", 1), ("h", 26), ("n", 1560), ("s", 93600)]
)
def test_intervals_are_counted_as_in_visual_basic(interval: str, count: int) -> None:
    first, second = datetime(2023, 12, 31, 23, tzinfo=UTC), datetime(2024, 1, 2, 1, tzinfo=UTC)
    assert date_values.count_intervals(interval, first, second) == count
    assert date_values.count_intervals(interval, second, first) == -count


def test_filetimes_count_from_1601() -> None:
    assert date_values.to_filetime(datetime(1601, 1, 1, 0, 0, 1, tzinfo=UTC)) == 10_000_000
    assert date_values.from_filetime(10_000_000) == datetime(1601, 1, 1, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(EvaluationError, match="is outside the calendar"):
        date_values.from_filetime(10**30)
