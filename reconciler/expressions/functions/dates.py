"""Functions on dates. Entra's documents don't define a missing date: here the result has no value."""

from __future__ import annotations

import re
from datetime import UTC

from reconciler.expressions import date_formats, date_values
from reconciler.expressions.signature import Function, Parameter, optional_parameter
from reconciler.expressions.value_types import Context, EvaluationError, Value, quote_value, to_integer, to_text

_STYLES = {
    "None": 0,
    "AllowLeadingWhite": 1,
    "AllowTrailingWhite": 2,
    "AllowInnerWhite": 4,
    "AllowWhiteSpaces": 7,
    "NoCurrentDateDefault": 8,
    "AdjustToUniversal": 16,
    "AssumeLocal": 32,
    "AssumeUniversal": 64,
    "RoundtripKind": 128,
}
"""Of .NET's DateTimeStyles only inner white space matters: the others concern clocks that are not UTC."""
_EXCLUSIVE = (
    ("AssumeLocal", "AssumeUniversal"),
    ("RoundtripKind", "AssumeLocal"),
    ("RoundtripKind", "AssumeUniversal"),
    ("RoundtripKind", "AdjustToUniversal"),
)
"""Styles that .NET does not take together."""
_ALL_STYLES = 255
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


def to_interval(value: Value) -> str:
    """Return an interval of DateAdd and DateDiff. Raises `EvaluationError` if there is no such interval."""
    text = to_text(value)
    if text not in date_values.INTERVALS:
        raise EvaluationError(f"{quote_value(text or '')} is not an interval: {', '.join(date_values.INTERVALS)}")
    return text


def to_format(value: Value) -> date_formats.Format:
    """Compile a date format of .NET. Raises `EvaluationError`."""
    return date_formats.compile_format(to_text(value) or "")


def to_styles(value: Value) -> frozenset[str]:
    """Parse .NET's DateTimeStyles: names separated by commas or |, or their sum as a number, as Enum.Parse does.

    Raises `EvaluationError` for an unknown style, and for styles that exclude each other.
    """
    text = (to_text(value) or "").strip()
    total = int(text) if _NUMBER.fullmatch(text) else _add_styles(text)
    if not 0 <= total <= _ALL_STYLES:
        raise EvaluationError(f"{quote_value(text)} is not a sum of .NET's DateTimeStyles")
    styles = frozenset(name for name, bits in _STYLES.items() if bits and total & bits == bits)
    for pair in _EXCLUSIVE:
        if styles.issuperset(pair):
            raise EvaluationError(f".NET's DateTimeStyles {pair[0]} and {pair[1]} exclude each other")
    return styles


def _add_styles(text: str) -> int:
    """Return the sum of the named styles."""
    total = 0
    for part in re.split(r"[,|]", text):
        name = part.strip().removeprefix("DateTimeStyles.")
        if name and name not in _STYLES:
            raise EvaluationError(f"{quote_value(name)} is not one of .NET's DateTimeStyles")
        total |= _STYLES.get(name, 0)
    return total


def cdate(text: str | None) -> str | None:
    """Return a date in UTC; see `date_values.parse_date`."""
    return date_values.format_standard(date_values.parse_date(text)) if text else None


def now(context: Context) -> str:
    """Return the current time in UTC."""
    return date_values.format_standard(context.now.astimezone(UTC))


def date_add(interval: str, number: int, when: str | None) -> str | None:
    """Return a date some intervals later or earlier; see `date_values.add_interval`."""
    return (
        date_values.format_standard(date_values.add_interval(interval, number, date_values.parse_date(when)))
        if when
        else None
    )


def date_diff(interval: str, first: str | None, second: str | None) -> str | None:
    """Return the intervals from the first date to the second; see `date_values.count_intervals`."""
    if not first or not second:
        return None
    return str(date_values.count_intervals(interval, date_values.parse_date(first), date_values.parse_date(second)))


def date_from_num(number: str | None) -> str | None:
    """Return the date of Active Directory's number."""
    return date_values.format_standard(date_values.from_filetime(to_integer(number))) if number else None


def num_from_date(text: str | None) -> str | None:
    """Return Active Directory's number of a date."""
    return str(date_values.to_filetime(date_values.parse_date(text))) if text else None


def format_date_time(
    source: str | None,
    styles: frozenset[str] | None,
    given: date_formats.Format,
    wanted: date_formats.Format,
) -> str | None:
    """Return the source in another format. Raises `EvaluationError` if it does not have the input format."""
    if not source:
        return None
    when, zoned = date_formats.parse_with_format(source, given, styles or frozenset())
    return date_formats.apply_format(when, wanted, zoned=zoned)


DATES = (
    Function("CDate", (Parameter("Expression"),), cdate),
    Function("Now", (), now, pure=False, contextual=True),
    Function(
        "DateAdd",
        (Parameter("interval", to_interval), Parameter("value", to_integer), Parameter("dateTime")),
        date_add,
    ),
    Function("DateDiff", (Parameter("interval", to_interval), Parameter("date1"), Parameter("date2")), date_diff),
    Function("DateFromNum", (Parameter("value"),), date_from_num),
    Function("NumFromDate", (Parameter("value"),), num_from_date),
    Function(
        "FormatDateTime",
        (
            Parameter("source"),
            optional_parameter("dateTimeStyles", to_styles),
            Parameter("inputFormat", to_format),
            Parameter("outputFormat", to_format),
        ),
        format_date_time,
        # FormatDateTime(source, inputFormat, outputFormat): cloud sync, Graph and the SuccessFactors guide.
        gap=1,
    ),
)
