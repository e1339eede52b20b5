from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.record.timestamps import LONG_AGO, parse_timestamp, read_record_day


def test_a_time_stamp_with_an_offset_is_a_moment() -> None:
    assert parse_timestamp("2026-03-01T12:00:00+00:00") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_timestamp("2026-03-01T12:00:00Z") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_timestamp("2026-03-01T12:00+02:00") == datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "2026-03-01", "yesterday", "", None, 7, ["x"], "9" * 400])
def test_a_time_stamp_without_an_offset_or_that_is_none_is_undated(text: object) -> None:
    assert parse_timestamp(text) is None


def test_what_is_undated_sorts_before_all_applies() -> None:
    assert datetime(2020, 1, 1, tzinfo=UTC) > LONG_AGO


def test_the_name_of_a_record_has_its_day() -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    assert read_record_day("2026-03-01-0123456789ab") == (begin, begin + timedelta(days=1, microseconds=-1))
    for name in ("", "2026-03-01", "2026-02-31-0123456789ab", "x2026-03-01-0123456789ab", "9999-12-31-0123456789ab"):
        assert read_record_day(name) is None
