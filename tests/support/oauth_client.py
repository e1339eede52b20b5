"""A client of the sandbox's authorization server that shares no code with the product's."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from reconciler.sandbox.server import RunningSandbox

REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def build_authorize_url(sandbox: RunningSandbox, **changes: str | None) -> str:
    """The URL that asks for a code, with changed parameters; None leaves one out."""
    fields: dict[str, str | None] = {
        "client_id": sandbox.oauth_client.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "state": "st/at+e",
    }
    sent = {name: value for name, value in (fields | changes).items() if value is not None}
    return f"{sandbox.authorize_url}?{urlencode(sent)}"


def authorize(sandbox: RunningSandbox, **changes: str | None) -> dict[str, str]:
    """The parameters of the redirect."""
    answer = httpx.get(build_authorize_url(sandbox, **changes))
    assert answer.status_code == 302, answer.text
    return read_redirect(answer.headers["location"])


def read_redirect(location: str) -> dict[str, str]:
    """The parameters of a redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def ask_for_tokens(sandbox: RunningSandbox, **fields: str) -> httpx.Response:
    """The answer of the token URL."""
    client = sandbox.oauth_client
    return httpx.post(sandbox.token_url, data={"client_id": client.client_id, "client_secret": client.secret, **fields})


def redeem(sandbox: RunningSandbox, code: str, /, **changes: str) -> httpx.Response:
    """Exchange a code."""
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return ask_for_tokens(sandbox, **(fields | changes))


def refresh(sandbox: RunningSandbox, token: str) -> httpx.Response:
    """Exchange a refresh token."""
    return ask_for_tokens(sandbox, grant_type="refresh_token", refresh_token=token)


def log_in(sandbox: RunningSandbox) -> dict[str, Any]:
    """The tokens of a new authorization."""
    answer = redeem(sandbox, authorize(sandbox)["code"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def read_users(sandbox: RunningSandbox, token: str) -> int:
    """The status of a list of users."""
    return httpx.get(f"{sandbox.base_url}/Users", headers={"Authorization": f"Bearer {token}"}).status_code
