"""Access tokens of Microsoft Entra ID, and what they say about themselves."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.scim.secret import Secret

_PARTS_OF_JWT = 3


@dataclass(frozen=True, slots=True)
class GraphToken:
    """A token for Microsoft Graph. `expires` None: unknown."""

    secret: Secret
    expires: datetime | None = None


class Credential(Protocol):
    """A way to get access tokens."""

    name: str
    """For readers: "AZURE_CLIENT_SECRET", "GitHub's OIDC token"."""
    renewable: bool
    """Whether `acquire` can return another token later."""

    def acquire(self) -> GraphToken:
        """Get a token. Raises `SourceError`."""


def read_claims(token: str) -> Mapping[str, Any] | None:
    """Return the claims of a JWT, unverified; None if the token is no JWT.

    For messages and early errors only: the service that takes the token verifies it.
    """
    parts = token.split(".")
    if len(parts) != _PARTS_OF_JWT or len(token) > LONGEST_TOKEN:
        return None
    try:
        # Not `urlsafe_b64decode`, which skips characters that are not of the alphabet.
        content = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        claims = decode_json(content)
    except (binascii.Error, InvalidJsonError, ValueError):
        return None
    return claims if isinstance(claims, dict) else None
