"""The access token in the answer of an authorization server (RFC 6749 §5.1), of Apple's or of Microsoft's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from reconciler.core.untrusted_values import parse_count
from reconciler.scim.secret import Secret, is_token

LONGEST_TOKEN = 32 * 1024
"""Characters. Tokens with many groups have some 8,000; headers of most servers end at 32 KiB or before."""


def parse_bearer_token(body: Mapping[str, Any]) -> Secret | None:
    """Return the access token of an answer; None without one that can be sent as a Bearer token (RFC 6750)."""
    kind = body.get("token_type")
    return parse_token(body.get("access_token")) if isinstance(kind, str) and kind.casefold() == "bearer" else None


def parse_token(value: object) -> Secret | None:
    """Return a token of an answer; None if it is none, or has characters or a length that no token has."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN or not is_token(value):
        return None
    return Secret(value)


def parse_lifetime(value: object, longest: timedelta) -> timedelta | None:
    """Return the time of `expires_in`; None if it is absent, no positive number, or longer than `longest`."""
    seconds = parse_count(value, int(longest.total_seconds()))
    return timedelta(seconds=seconds) if seconds else None
