"""Opaque tokens of pages and of deltas: JSON that only this server reads, signed, so that no client makes its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

_KEY = b"key of the stand-in"
_SIGNATURE = 12


def seal(content: dict[str, Any]) -> str:
    packed = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(packed) + packed).decode().rstrip("=")


def unseal(token: str) -> dict[str, Any] | None:
    """Return the content, or None for a token that this server has not made."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    if not hmac.compare_digest(raw[:_SIGNATURE], _sign(raw[_SIGNATURE:])):
        return None
    content: dict[str, Any] = json.loads(raw[_SIGNATURE:])
    return content


def _sign(packed: bytes) -> bytes:
    return hmac.new(_KEY, packed, hashlib.sha256).digest()[:_SIGNATURE]
