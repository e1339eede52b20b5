"""A client of Microsoft Graph over scripted answers, for unit tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from reconciler.scim.secret import Secret
from reconciler.scim.transport import Endpoint
from reconciler.sources.graph.access_token import GraphToken
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.tokens import Tokens
from support.jwt import make_jwt

ENDPOINT = Endpoint("https", "graph.microsoft.com", 443, "https://graph.microsoft.com")
NOW = datetime(2026, 12, 1, tzinfo=UTC)
Handler = Callable[[httpx.Request], httpx.Response]


class Counted:
    """A credential that counts its tokens."""

    name = "a test"

    def __init__(self, renewable: bool = True, **claims: Any) -> None:
        self.renewable = renewable
        self.acquired = 0
        self._claims = claims

    def acquire(self) -> GraphToken:
        self.acquired += 1
        return GraphToken(Secret(make_jwt(n=self.acquired, **self._claims)), NOW + timedelta(hours=1))


def make_client(handler: Handler, credential: Counted | None = None) -> GraphClient:
    tokens = Tokens(credential or Counted(), tenant="contoso.com", resource=ENDPOINT.base_url, now=lambda: NOW)
    return GraphClient(ENDPOINT, tokens, httpx.MockTransport(handler))


def page(*rows: Mapping[str, Any], **more: Any) -> httpx.Response:
    links = {f"@odata.{name}": value for name, value in more.items()}
    return httpx.Response(200, json={"value": rows, **links})


def error(status: int, code: str, message: str = "said", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": message}}, headers=headers)


def scripted(*answers: httpx.Response) -> tuple[Handler, list[httpx.Request]]:
    seen: list[httpx.Request] = []
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return left.pop(0)

    return handle, seen
