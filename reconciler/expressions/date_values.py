"""Dates as texts: the formats that CDate parses, the one that every date function returns, and date arithmetic.

All times are UTC. Entra's documents don't define a time without an offset; UTC gives every result that they print.
Fractions are kept to the microsecond (.NET: 100 nanoseconds).
"""

from __future__ import annotations

import calendar
import functools
import re
from datetime import UTC, datetime, timedelta

from reconciler.expressions.value_types import EvaluationError, quote_value

MONTHS = tuple("January February March April May June July August September October November December".split())
DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
FILETIME_START = datetime(1601, 1, 1, tzinfo=UTC)
INTERVALS = ("yyyy", "m", "d", "ww", "h", "n", "s")
_NOON = 12
_LAST_OFFSET = 14 * 60
_NO_OFFSET = 10 * _LAST_OFFSET

# Constant patterns with bounded repeats, each piece ending where the next cannot start: matching is linear.
_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?(?: ?(?P<half>[AP])M)?"
_ZONE = r"(?: ?(?P<zone>Z|GMT|UTC|[+-]\d{1,2}:?\d{2}))?"
_REST = rf"(?:(?:T|,? {{1,3}}){_TIME})?{_ZONE}"
_MONTH = r"(?P<name>[A-Z]{3,9})\.?"
_WEEKDAY = r"(?:[A-Z]{3,9},? )?"
_FORMS = tuple(
    re.compile(form + _REST, re.ASCII | re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})",
        r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[ -]{_MONTH}[ -](?P<year>\d{{4}})",
        rf"{_WEEKDAY}{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    )
)
_STANDARD = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2}) ([AP])M", re.ASCII)
_LONGEST = 80


def parse_date(text: str) -> datetime:
    """Parse a date: ISO 8601, `M/d/yyyy`, or with the month's name; a time and an offset may follow. Return UTC.

    .NET parses these without a format (invariant culture: the month comes first). Raises `EvaluationError` if the text
    is not a date.
    """
    stripped = text.strip()
    found = parse_standard(stripped) or (_parse(stripped) if len(stripped) <= _LONGEST else None)
    if found is None:
        raise EvaluationError(f"{quote_value(text)} is not a date")
    return found


@functools.lru_cache(1_024)
def _parse(text: str) -> datetime | None:
    matches = (form.fullmatch(text) for form in _FORMS)
    match = next(filter(None, matches), None)
    return None if match is None else _to_moment(match, text)


def _to_moment(match: re.Match[str], text: str) -> datetime:
    parts = match.groupdict()
    name = parts.get("name")
    month = int(parts["month"]) if name is None else find_name(name, MONTHS)
    hour = to_24_hours(int(parts["hour"] or 0), parts["half"])
    fraction = (parts["fraction"] or "").ljust(6, "0")[:6]
    return build_moment(
        text,
        (int(parts["year"]), month, int(parts["day"]), hour, int(parts["minute"] or 0), int(parts["second"] or 0)),
        int(fraction),
        parse_offset(parts["zone"] or "Z"),
    )


def find_name(name: str, names: tuple[str, ...]) -> int:
    """Return the 1-based index of a name, or of its first three letters; 0 if it is unknown."""
    wanted = name.lower()
    return next((index for index, full in enumerate(names, 1) if wanted in (full.lower(), full[:3].lower())), 0)


def to_24_hours(hour: int, half: str | None) -> int:
    """Return the hour of 24; -1 if `hour` is not on a 12-hour clock."""
    if half is None:
        return hour
    if not 1 <= hour <= _NOON:
        return -1
    return hour % _NOON + (_NOON if half.upper() == "P" else 0)


def parse_offset(zone: str) -> int:
    """Return the offset of `Z`, `+08:00` or `-0700` in minutes."""
    if zone[0] not in "+-":
        return 0
    minutes = to_minutes(zone[1:-2].rstrip(":"), zone[-2:])
    return -minutes if zone[0] == "-" else minutes


def to_minutes(hours: str, minutes: str) -> int:
    """Return the minutes of an offset; 60 minutes or more give one that `build_moment` rejects."""
    return int(hours) * 60 + int(minutes) if int(minutes) < 60 else _NO_OFFSET  # noqa: PLR2004


def build_moment(text: str, fields: tuple[int, int, int, int, int, int], microsecond: int, minutes: int) -> datetime:
    """Build a moment in UTC. Raises `EvaluationError` if the date or the offset does not exist."""
    if abs(minutes) > _LAST_OFFSET:
        raise EvaluationError(f"{quote_value(text)} has an offset that does not exist")
    try:
        return datetime(*fields, microsecond, tzinfo=UTC) - timedelta(minutes=minutes)
    except (ValueError, OverflowError) as exc:
        raise EvaluationError(f"{quote_value(text)} is not a date that exists") from exc


def format_standard(when: datetime) -> str:
    """Format as `M/d/yyyy h:mm:ss tt`, the format of all dates between functions."""
    hour = when.hour % _NOON or _NOON
    half = "AM" if when.hour < _NOON else "PM"
    return f"{when.month}/{when.day}/{when.year:04} {hour}:{when.minute:02}:{when.second:02} {half}"


def parse_standard(text: str) -> datetime | None:
    """Parse a text in exactly that format; None if it has another one."""
    match = _STANDARD.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second = map(int, match.groups()[:6])
    try:
        return datetime(year, month, day, to_24_hours(hour, match[7]), minute, second, tzinfo=UTC)
    except ValueError:
        return None


def add_interval(interval: str, number: int, when: datetime) -> datetime:
    """Add `number` intervals, as Visual Basic's DateAdd. Raises `EvaluationError` outside the calendar.

    Entra's documents don't define a month after 31 January; as in Visual Basic it is the last day of February.
    """
    try:
        match interval:
            case "yyyy":
                return _add_months(when, 12 * number)
            case "m":
                return _add_months(when, number)
            case _:
                seconds = {"d": 86_400, "ww": 604_800, "h": 3_600, "n": 60, "s": 1}[interval]
                return when + timedelta(seconds=seconds * number)
    except (ValueError, OverflowError) as exc:
        raise EvaluationError(
            f"{quote_value(format_standard(when))} plus {quote_value(number)} is outside the calendar"
        ) from exc


def _add_months(when: datetime, number: int) -> datetime:
    year, month = divmod(when.year * 12 + when.month - 1 + number, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004
        raise OverflowError
    day = min(when.day, calendar.monthrange(year, month + 1)[1])
    return when.replace(year=year, month=month + 1, day=day)


def count_intervals(interval: str, first: datetime, second: datetime) -> int:
    """Count the intervals from `first` to `second`, as Visual Basic's DateDiff.

    Years and months count calendar boundaries, shorter intervals whole spans rounded toward zero. Weeks are whole weeks
    between the Sundays on or before the dates, each with its date's time of day (as in .NET's source, and in Entra's
    example with -493).
    """
    span = second - first
    match interval:
        case "yyyy":
            return second.year - first.year
        case "m":
            return (second.year - first.year) * 12 + second.month - first.month
        case "ww":
            days = timedelta(days=first.isoweekday() % 7 - second.isoweekday() % 7)
            return _divide_toward_zero(_divide_toward_zero(_microseconds(span + days), 86_400_000_000), 7)
        case _:
            seconds = {"d": 86_400, "h": 3_600, "n": 60, "s": 1}[interval]
            return _divide_toward_zero(_microseconds(span), seconds * 1_000_000)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _divide_toward_zero(number: int, by: int) -> int:
    """Divide and round toward zero."""
    return number // by if number >= 0 else -(-number // by)


def to_filetime(when: datetime) -> int:
    """Return Active Directory's number of a moment: tenths of microseconds since 1601."""
    return _microseconds(when - FILETIME_START) * 10


def from_filetime(number: int) -> datetime:
    """Return the moment of Active Directory's number. Raises `EvaluationError` outside the calendar."""
    try:
        return FILETIME_START + timedelta(microseconds=number // 10)
    except OverflowError as exc:
        raise EvaluationError(f"{quote_value(number)} is outside the calendar") from exc
