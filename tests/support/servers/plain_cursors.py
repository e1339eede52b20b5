"""Cursors for scim2-server without its extra `cursor`, which needs cryptography: signed, and not encrypted."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

from scim2_models import ExpiredCursorException, InvalidCountException, InvalidCursorException, Pagination
from scim2_models.provider import ScimProvider
from scim2_server.service import ScimService
from scim2_server.utils import load_default_provider

_KEY = b"of a test"


class SignedCursors:
    """What `scim2_server.cursor.Cursors` does."""

    def seal(self, query: str, count: int | None, position: Any) -> str:
        content = json.dumps({"q": query, "n": count, "t": time.time(), "p": position}).encode()
        # scim2-models takes unreserved characters only.
        return base64.urlsafe_b64encode(hmac.digest(_KEY, content, "sha256") + content).rstrip(b"=").decode()

    def open(self, cursor: str, query: str, count: int | None, timeout: int | None) -> Any:
        try:
            token = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise InvalidCursorException from None
        content = token[32:]
        if not hmac.compare_digest(hmac.digest(_KEY, content, "sha256"), token[:32]):
            raise InvalidCursorException
        found = json.loads(content)
        if found["q"] != query:
            raise InvalidCursorException
        if found["n"] != count:
            raise InvalidCountException
        if timeout is not None and time.time() - found["t"] > timeout:
            raise ExpiredCursorException
        return found["p"]


class CursorService(ScimService):
    """scim2-server's service with these cursors."""

    @staticmethod
    def _build_cursors(_secret: str | bytes | None) -> Any:
        return SignedCursors()


def cursor_provider(pagination: Pagination) -> ScimProvider:
    """The default provider, which announces this paging."""
    provider = load_default_provider()
    assert provider.config is not None
    provider.config.pagination = pagination
    return provider
