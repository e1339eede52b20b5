"""Parse numbers and dates that come from outside: one rule with bounds for each kind. Ids: `core.identity`.

Each function returns None for anything that is not what it looks for: a caller decides what the absence means. None of
them raises, whatever it gets, and none spends more than a moment on it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LARGEST_NUMBER = 2**63 - 1
"""Of any count or position. A larger number is an error of the service."""
LONGEST_VALUE = 65_536
"""Characters of one attribute: a line of the desired state cannot be longer either."""
LONGEST_DATE = 64
"""Characters."""
EARLIEST_MODIFICATION = datetime(2000, 1, 1, tzinfo=UTC)
"""No account was last modified before: year 1, 1601 and 1970 are what systems write for a date that is not set."""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)
"""A year before the last that Python knows, so that time zones and periods can be added."""


def parse_count(value: object, most: int = LARGEST_NUMBER) -> int | None:
    """Parse a number from 0 to `most`: an integer, `10.0` or `1e3` in JSON, or ASCII digits in a string."""
    if isinstance(value, str):
        text = value.strip()
        # `isdigit` is true for "²", and int() takes digits of any script.
        value = int(text) if len(text) <= len(str(LARGEST_NUMBER)) and text.isascii() and text.isdigit() else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= most else None


def parse_moment(value: object, earliest: datetime = _EARLIEST) -> datetime | None:
    """Parse a date with time and offset (ISO 8601, RFC 3339) as UTC; None if it is not from `earliest` to year 9998."""
    if not isinstance(value, str) or len(value) > LONGEST_DATE or not value.isascii():
        return None
    try:
        return _check_moment(datetime.fromisoformat(value), earliest)
    except ValueError:
        return None


def parse_http_date(value: object) -> datetime | None:
    """Parse a date of an HTTP header (RFC 9110 §5.6.7) as UTC; one without a zone is UTC."""
    if not isinstance(value, str) or len(value) > LONGEST_DATE or not value.isascii():
        return None
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        when = parsedate_to_datetime(value)
        return _check_moment(when if when.tzinfo is not None else when.replace(tzinfo=UTC), _EARLIEST)
    return None


def _check_moment(when: datetime, earliest: datetime) -> datetime | None:
    """Return `when` as UTC; None if it has no offset or is out of bounds."""
    if when.tzinfo is None:
        return None
    try:
        moment = when if when.tzinfo is UTC else when.astimezone(UTC)
    except OverflowError:  # year 1 with an offset ahead of UTC, year 9999 with one behind
        return None
    return moment if earliest <= moment <= _LATEST else None
