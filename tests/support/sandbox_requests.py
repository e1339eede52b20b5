"""Users and requests of the sandbox, without a server."""

import json
from typing import Any

from reconciler.sandbox.attributes import CORE
from reconciler.sandbox.http_messages import Request
from reconciler.sandbox.user_table import UserRow

BASE_URL = "http://127.0.0.1/feeds/business/scim"


def build_row(identifier: str, user_name: str, **changes: Any) -> UserRow:
    """A stored user; `changes` are fields of the row, or `body` for more attributes."""
    body = {"schemas": [CORE], "userName": user_name, **changes.pop("body", {})}
    fields = {"created": "2026-01-01T00:00:00Z", "modified": "2026-01-02T00:00:00Z", "version": 'W/"1"', **changes}
    return UserRow(identifier, body, **fields)


def build_request(method: str = "GET", path: str = "/Users", body: Any = None, **query: str) -> Request:
    """A request of the business edition."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/scim+json"} if content else {}
    return Request(method, BASE_URL, "business", path, query, headers, content)
