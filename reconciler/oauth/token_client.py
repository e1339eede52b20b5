"""Get tokens from an authorization server: one form, answered with an access token (RFC 6749 §4.1.3 and §6).

The client's id and secret are in the form, as Apple's service expects them. A form is sent again only if no connection
was made: a refresh token that a server replaced may count as stolen when it comes a second time, and then the server
revokes all tokens of the connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from reconciler.oauth.endpoints import TOKEN_VARIABLE
from reconciler.oauth.token_refusals import TokenAnswerLostError, explain_token_refusal
from reconciler.scim.bearer_token import parse_bearer_token, parse_lifetime, parse_token
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.response_limits import (
    ACCEPT_ENCODING,
    ResponseLimitTransport,
    UnreadableAnswerError,
)
from reconciler.scim.retry import TransientFailure, Wait
from reconciler.scim.retry_transport import CONNECT_ERRORS, RetryTransport
from reconciler.scim.secret import Secret
from reconciler.scim.transport import USER_AGENT, Endpoint, PinnedTransport, open_connections

_MAX_BYTES = 1024 * 1024
_LONGEST_LIFE = timedelta(days=366)
_SERVICE = "the authorization server"
_LOST = (
    "It may have issued new tokens nevertheless. Run the same command again; if it then refuses them: reconciler login."
)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What an authorization server issues.

    `refresh_token` None: none was sent, and the one that was used stays valid. `lifetime` of the access token; None:
    unknown.
    """

    access_token: Secret
    refresh_token: Secret | None
    lifetime: timedelta | None


class TokenClient:
    """Sends forms to a token URL. `on_wait` is called before each pause; `stop` ends a pause."""

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        client_secret: Secret,
        *,
        stop: threading.Event | None = None,
        on_wait: Callable[[Wait], None] = lambda _wait: None,
        connect: Callable[[], httpx.BaseTransport] = open_connections,
    ) -> None:
        self._url = endpoint.base_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._messages = ConnectionMessages(endpoint.base_url, service=_SERVICE, check=f"Check {TOKEN_VARIABLE}")
        transport: httpx.BaseTransport = PinnedTransport(connect(), endpoint)
        transport = ResponseLimitTransport(transport, _MAX_BYTES, f"{_SERVICE}'s")
        rule = _OnlyUnsent(self._messages)
        self._transport = RetryTransport(transport, rule, RateLimiter(stop), on_wait=on_wait)

    def refresh(self, refresh_token: Secret) -> TokenAnswer:
        """Exchange a refresh token. Raises `TokenRefusedError`, `TokenAnswerLostError`, `TargetError` if not sent."""
        return self._request({"grant_type": "refresh_token"}, {"refresh_token": refresh_token})

    def exchange_code(self, code: Secret, redirect_uri: str, verifier: Secret | None) -> TokenAnswer:
        """Exchange the code of an authorization. `verifier`: of PKCE, None without. Raises as `refresh` does."""
        secrets = {"code": code} if verifier is None else {"code": code, "code_verifier": verifier}
        return self._request({"grant_type": "authorization_code", "redirect_uri": redirect_uri}, secrets)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, form: Mapping[str, str], secrets: Mapping[str, Secret]) -> TokenAnswer:
        secrets = {**secrets, "client_secret": self._client_secret}
        shown = {name: secret.reveal() for name, secret in secrets.items()}
        response = self._send(urlencode({**form, "client_id": self._client_id, **shown}).encode())
        body = _decode_object(response.content)
        if not response.is_success:  # 201 may have replaced the refresh token as 200 does
            raise explain_token_refusal(response, body or {}, form["grant_type"], secrets.values())
        return _parse_answer(response.status_code, body)

    def _send(self, content: bytes) -> httpx.Response:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            # A connection that was kept could be closed by the server just when the form is sent: its answer is lost.
            "Connection": "close",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": USER_AGENT,
        }
        try:
            return self._transport.handle_request(httpx.Request("POST", self._url, headers=headers, content=content))
        except CONNECT_ERRORS as exc:
            error, _ = self._messages.explain_no_connection(exc)
            raise error from exc
        except httpx.HTTPError as exc:
            # Not the words of the library, which can repeat what a hostile server sent.
            raise TokenAnswerLostError(f"{_SERVICE} does not answer: {_describe(exc)}", _LOST) from None
        except (UnreadableAnswerError, DeadlineExceededError) as exc:
            raise TokenAnswerLostError(f"{_SERVICE} issues no token: {exc}", _LOST) from exc


class _OnlyUnsent:
    """The retry rule: again only if no connection was made."""

    def __init__(self, messages: ConnectionMessages) -> None:
        self._messages = messages

    def refusal_in(self, _request: httpx.Request, _response: httpx.Response) -> TransientFailure | None:
        """Judge an answer: no request that reached the server is repeated."""
        return None

    def refusal_from(self, _request: httpx.Request, exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception."""
        if not isinstance(exc, CONNECT_ERRORS):
            return None
        error, may_pass = self._messages.explain_no_connection(exc)
        return TransientFailure(error.summary) if may_pass else None


def _describe(exc: httpx.HTTPError) -> str:
    match exc:
        case httpx.ReadTimeout():
            return "it took too long"
        case httpx.WriteTimeout() | httpx.WriteError():
            return "the connection broke while the request was sent"
    return "its answer is incomplete or broken"


def _decode_object(content: bytes) -> Mapping[str, Any] | None:
    try:
        found = decode_json(content)
    except InvalidJsonError:
        return None
    return found if isinstance(found, dict) else None


def _parse_answer(status: int, body: Mapping[str, Any] | None) -> TokenAnswer:
    if body is None:
        raise TokenAnswerLostError(
            f"{_SERVICE} answers {status} without a JSON object", f"Check {TOKEN_VARIABLE}. {_LOST}"
        )
    token = parse_bearer_token(body)
    if token is None:
        raise TokenAnswerLostError(f"{_SERVICE}'s answer holds no access token of the type Bearer", _LOST)
    sent = body.get("refresh_token")
    refresh_token = parse_token(sent)
    if refresh_token is None and sent not in (None, ""):
        raise TokenAnswerLostError(f"{_SERVICE}'s answer holds a refresh token that cannot be one", _LOST)
    return TokenAnswer(token, refresh_token, parse_lifetime(body.get("expires_in"), _LONGEST_LIFE))
