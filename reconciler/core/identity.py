"""The one rule for ids of users that come from outside: lists, answers, filters, plans and receipts."""

from __future__ import annotations

MAX_ID = 500
"""Characters. Ids in use are UUIDs, numbers and e-mail addresses."""
_MAX_NUMBER = 2**64
_URL_CHARACTERS = frozenset("/\\?#%")
"""Encoded they are safe only until a proxy decodes them: `1%2F..%2F2` is user 2 then."""


def parse_identity(value: object) -> str | None:
    """Return the id as a string; None if it is none, or cannot be one segment of the path of a URL.

    Some services send ids as numbers. Ids are case-sensitive (RFC 7643 §3.1).
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 <= value < _MAX_NUMBER else None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        return None
    # `.` and `..` would make another URL of /Users/{id}.
    if value in (".", "..") or not value.isprintable() or not _URL_CHARACTERS.isdisjoint(value):
        return None
    return value
