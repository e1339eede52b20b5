"""Custom date and time formats of .NET: parse and format, in the invariant culture and with UTC as the local time.

A format is compiled to its pieces once. The standard formats that are the same in all cultures (o, r, s, u) are
accepted; the others depend on a culture that Entra's documents don't name, and are rejected.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from reconciler.expressions import date_values
from reconciler.expressions.value_types import EvaluationError, quote_value

_STANDARD = {
    "o": "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
    "r": "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
    "s": "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
    "u": "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
}
_STANDARD |= {"O": _STANDARD["o"], "R": _STANDARD["r"]}
_SPECIFIERS = "dfFghHKmMstyz"
_MAX_FORMAT = 200
_MAX_FRACTION = 7
_CENTURY = 50
"""Two-digit years below this are 20xx, as in .NET's calendar."""

Piece: TypeAlias = tuple[str, int, str]
"""A specifier and its number of repetitions; or "" and a literal."""
Format: TypeAlias = tuple[Piece, ...]


@functools.lru_cache(256)
def compile_format(text: str) -> Format:
    """Compile a format to its pieces. Raises `EvaluationError` if it is invalid."""
    if not text or len(text) > _MAX_FORMAT:
        raise EvaluationError(f"a date format has 1 to {_MAX_FORMAT} characters")
    if len(text) == 1:
        if text not in _STANDARD:
            raise EvaluationError(
                f'the date format {quote_value(text)} differs by culture: write it out, such as "yyyy-MM-dd"'
            )
        text = _STANDARD[text]
    pieces: list[Piece] = []
    at = 0
    while at < len(text):
        piece, at = _read_piece(text, at)
        pieces.append(piece)
    return tuple(pieces)


def _read_piece(text: str, at: int) -> tuple[Piece, int]:
    letter = text[at]
    if letter == "%":
        if text[at + 1 : at + 2] in ("", "%"):
            raise EvaluationError(f"the date format {quote_value(text)} has a % without a specifier")
        return ("", 0, ""), at + 1
    if letter in "'\"":
        return _read_quoted(text, at)
    if letter == "\\":
        if at + 1 == len(text):
            raise EvaluationError(f"the date format {quote_value(text)} ends in a backslash")
        return ("", 0, text[at + 1]), at + 2
    if letter not in _SPECIFIERS:
        return ("", 0, letter), at + 1
    end = at + 1
    while end < len(text) and text[end] == letter and letter != "K":
        end += 1
    if letter in "fF" and end - at > _MAX_FRACTION:
        raise EvaluationError(f"the date format {quote_value(text)} has more than {_MAX_FRACTION} {letter}")
    return (letter, end - at, ""), end


def _read_quoted(text: str, at: int) -> tuple[Piece, int]:
    end = text.find(text[at], at + 1)
    if end < 0:
        raise EvaluationError(f"the date format {quote_value(text)} has an unterminated quote")
    return ("", 0, text[at + 1 : end]), end + 1


def apply_format(when: datetime, pieces: Format, *, zoned: bool) -> str:
    """Format `when`; `zoned`: it was parsed with an offset, which `K` shows."""
    out: list[str] = []
    for letter, count, literal in pieces:
        if letter == "":
            out.append(literal)
        elif letter in "fF":
            fraction = f"{when.microsecond:06}0"[:count]
            fraction = fraction.rstrip("0") if letter == "F" else fraction
            if not fraction and out and out[-1] == ".":
                # .NET drops a dot before an empty F.
                out.pop()
            out.append(fraction)
        else:
            out.append(_format_field(when, letter, count, zoned=zoned))
    return "".join(out)


def _format_field(when: datetime, letter: str, count: int, *, zoned: bool) -> str:
    long = count > 2  # noqa: PLR2004
    if letter == "y":
        # One or two digits are the year of the century.
        return f"{when.year:0{count}}" if long else f"{when.year % 100:0{count}}"
    if letter in "dM" and long:
        name = date_values.DAYS[when.weekday()] if letter == "d" else date_values.MONTHS[when.month - 1]
        return name[:3] if count == 3 else name  # noqa: PLR2004
    if letter in "tgKz":
        half = "AM" if when.hour < 12 else "PM"  # noqa: PLR2004
        zone = {1: "+0", 2: "+00"}.get(count, "+00:00")
        return {"t": half[:count], "g": "A.D.", "K": "Z" if zoned else "", "z": zone}[letter]
    return f"{_find_number(when, letter):0{min(count, 2)}}"


def _find_number(when: datetime, letter: str) -> int:
    numbers = {"d": when.day, "M": when.month, "h": when.hour % 12 or 12, "H": when.hour, "m": when.minute}
    return numbers.get(letter, when.second)


@dataclass(slots=True)
class _DateReader:
    """A text being parsed: the position, and the fields found so far."""

    text: str
    inner_white: bool
    at: int = 0
    found: dict[str, int] = field(default_factory=dict)
    half: str | None = None
    minutes: int = 0
    zoned: bool = False

    def fail(self) -> EvaluationError:
        return EvaluationError(f"{quote_value(self.text)} is not in the input format")

    def digits(self, least: int, most: int) -> str:
        end = self.at
        while end < len(self.text) and end - self.at < most and self.text[end] in "0123456789":
            end += 1
        if end - self.at < least:
            raise self.fail()
        taken, self.at = self.text[self.at : end], end
        return taken

    def take(self, *choices: str) -> str:
        for choice in choices:
            if self.text[self.at : self.at + len(choice)].lower() == choice.lower():
                self.at += len(choice)
                return choice
        raise self.fail()

    def put(self, letter: str, value: int) -> None:
        if self.found.setdefault(letter, value) != value:
            raise self.fail()


def parse_with_format(text: str, pieces: Format, styles: frozenset[str]) -> tuple[datetime, bool]:
    """Parse a text in this format; return the moment in UTC, and whether the text has an offset.

    White space at the ends is allowed (Entra's default styles). A format without a year is rejected: .NET would use the
    current one. Month and day default to 1. Raises `EvaluationError` if the text does not have the format.
    """
    reading = _DateReader(text.strip(), bool(styles & {"AllowInnerWhite", "AllowWhiteSpaces"}))
    for letter, count, literal in pieces:
        if reading.inner_white:
            while reading.text[reading.at : reading.at + 1].isspace():
                reading.at += 1
            literal = literal.strip()  # noqa: PLW2901
        _parse_piece(reading, letter, count, literal)
    if reading.at < len(reading.text):
        raise reading.fail()
    return _compose_date(reading), reading.zoned


def _parse_piece(reading: _DateReader, letter: str, count: int, literal: str) -> None:
    match letter:
        case "":
            if literal:
                reading.take(literal)
            # A literal `Z` or `GMT` is UTC, as no offset is.
        case "f":
            _parse_fraction(reading, reading.digits(count, count))
        case "F":
            _parse_fraction(reading, reading.digits(0, count))
        case "t":
            reading.half = reading.take("AM", "PM")[0] if count > 1 else reading.take("A", "P")
        case "g":
            reading.take("A.D.", "AD")
        case "K" | "z":
            _parse_zone(reading, letter, count)
        case "y":
            _parse_year(reading, count)
        case "d" | "M" if count > 2:  # noqa: PLR2004
            names = date_values.DAYS if letter == "d" else date_values.MONTHS
            short = count == 3  # noqa: PLR2004
            name = reading.take(*(each[:3] if short else each for each in names))
            reading.put("weekday" if letter == "d" else "M", date_values.find_name(name, names))
        case _:
            reading.put(letter, int(reading.digits(min(count, 2), 2)))


def _parse_fraction(reading: _DateReader, digits: str) -> None:
    reading.put("f", int(digits.ljust(6, "0")[:6]))


def _parse_year(reading: _DateReader, count: int) -> None:
    if count > 2:  # noqa: PLR2004
        reading.put("y", int(reading.digits(count, count)))
        return
    year = int(reading.digits(count, 2))
    reading.put("y", year + (2000 if year < _CENTURY else 1900))


def _parse_zone(reading: _DateReader, letter: str, count: int) -> None:
    if letter == "K" and reading.at == len(reading.text):
        return
    reading.zoned = True
    sign = reading.take("+", "-", "Z") if letter == "K" or count > 2 else reading.take("+", "-")  # noqa: PLR2004
    if sign == "Z":
        return
    hours, rest = reading.digits(1 if count == 1 and letter == "z" else 2, 2), "0"
    if letter == "K" or count > 2:  # noqa: PLR2004
        if reading.text[reading.at : reading.at + 1] == ":":
            reading.at += 1
        rest = reading.digits(2, 2)
    minutes = date_values.to_minutes(hours, rest)
    reading.minutes = -minutes if sign == "-" else minutes


def _compose_date(reading: _DateReader) -> datetime:
    found = reading.found
    if "y" not in found:
        raise EvaluationError("the input format has no year")
    fields = (
        found["y"],
        found.get("M", 1),
        found.get("d", 1),
        _compose_hour(reading),
        found.get("m", 0),
        found.get("s", 0),
    )
    when = date_values.build_moment(reading.text, fields, found.get("f", 0), reading.minutes)
    local = date_values.build_moment(reading.text, fields, 0, 0)
    if found.get("weekday", local.isoweekday()) != local.isoweekday():
        raise reading.fail()
    return when


def _compose_hour(reading: _DateReader) -> int:
    """Return the hour of 24. As in .NET, `h` without AM or PM is before noon, and both must agree with `H`."""
    if "h" in reading.found and "H" not in reading.found:
        return date_values.to_24_hours(reading.found["h"], reading.half or "A")
    hour = reading.found.get("H", 0)
    if reading.half is not None and (hour >= 12) is not (reading.half == "P"):  # noqa: PLR2004
        raise reading.fail()
    return hour
