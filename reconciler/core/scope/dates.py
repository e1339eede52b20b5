"""Read the day that an attribute of a source user holds, in the forms that directories write.

ISO 8601, with or without hyphens; Active Directory's generalized time (RFC 4517 §3.3.13) and its integers (FILETIME).
Forms whose parts can be confused (`12/31/2027`), week and ordinal dates, two-digit years and seconds since 1970 are not
read: a date that is guessed could remove an account.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""The format of a date in our own files."""
NEVER = date.max
"""Later than every day."""
_NEVER = str(2**63 - 1)
"""What Active Directory writes for never, in any attribute."""
_BASIC = re.compile(r"[0-9]{8}(?=$|[Tt])")
_GENERALIZED = re.compile(
    r"(?P<day>[0-9]{8})(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}(?:[0-9]{2})?)?"
)
_FILETIME = re.compile(r"[0-9]{18}")
"""Tenths of microseconds since 1601; 18 digits are the years 1917 to 4770. Other units have other lengths."""
_FILETIME_START = datetime(1601, 1, 1)  # noqa: DTZ001 - only its day matters, and that is UTC's
_LONGEST = 64
_EARLIEST = date(1901, 1, 1)
"""Years 1, 1601, 1899 and 1900 are what systems write for a date that is not set."""


def parse_day(text: str) -> date | None:
    """Parse the UTC day of a date or a time, UTC if it has no offset. None if `text` is no date.

    `NEVER` for the largest integer of Active Directory.
    """
    stripped = text.strip()
    if len(stripped) > _LONGEST or not stripped.isascii():
        return None
    with suppress(ValueError, OverflowError):
        found = _parse(stripped)
        return found if found is not None and found >= _EARLIEST else None
    return None


def _parse(text: str) -> date | None:
    """Parse one of the forms. Raises `ValueError` or `OverflowError` for a date that does not exist."""
    if DAY.fullmatch(text) or (_BASIC.match(text) and text.isdigit()):
        return date.fromisoformat(text)
    if _BASIC.match(text) or (DAY.match(text) and text[10] in "Tt "):
        return _to_utc_day(datetime.fromisoformat(text))
    if text == _NEVER:
        return NEVER
    if _FILETIME.fullmatch(text):
        return (_FILETIME_START + timedelta(microseconds=int(text) // 10)).date()
    generalized = _GENERALIZED.fullmatch(text)
    return None if generalized is None else _parse_generalized(generalized)


def _parse_generalized(match: re.Match[str]) -> date | None:
    minute, second, zone = match["minute"] or "00", match["second"] or "00", match["zone"]
    if zone is None and match["second"] is None:
        return None  # only a time to the second is sure to be one
    if second == "60":
        second = "59"  # RFC 4517 §3.3.13 has leap seconds
    offset = f"{zone[:3]}:{zone[3:] or '00'}" if zone and zone != "Z" else "+00:00"
    day = match["day"]
    return _to_utc_day(
        datetime.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}T{match['hour']}:{minute}:{second}{offset}")
    )


def _to_utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
