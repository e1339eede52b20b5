"""Get access tokens from Microsoft Entra ID: one form, answered with a token (OAuth 2.0 client credentials, RFC 6749).

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from reconciler.errors import SourceError, TargetError
from reconciler.scim.bearer_token import parse_bearer_token, parse_lifetime
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.response_limits import ACCEPT_ENCODING, ResponseLimitTransport, UnreadableAnswerError
from reconciler.scim.retry import RetryBudget
from reconciler.scim.retry_transport import CONNECT_ERRORS, ReadLimit, RetryTransport, utc_now
from reconciler.scim.secret import Secret
from reconciler.scim.transport import (
    USER_AGENT,
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    WriteRefusedError,
    open_connections,
)
from reconciler.sources.graph.aadsts import explain_token_refusal
from reconciler.sources.graph.access_token import GraphToken
from reconciler.sources.graph.retry import LONGEST_PAUSE, PATIENCE, QUIET, GraphRetryRule, Waiting

MAX_BYTES = 1024 * 1024
_LONGEST_LIFE = timedelta(days=7)
"""Tokens last for 60 to 90 minutes, with continuous access evaluation up to 28 hours."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_AGAIN = "Run the same command again."


class TokenHost:
    """A host that issues tokens: sends it one request and reads the answer, whole and bounded.

    `service`: its name in a sentence. `posts`: the paths that may be posted to.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        service: str,
        check: str,
        *,
        posts: tuple[str, ...] = (),
        waiting: Waiting = QUIET,
    ) -> None:
        self._service = service
        self._messages = ConnectionMessages(endpoint.base_url, service=service, check=check)
        transport: httpx.BaseTransport = PinnedTransport(open_connections(waiting.network), endpoint)
        transport = ResponseLimitTransport(ReadOnlyTransport(transport, posts), MAX_BYTES, f"{service}'s")
        limiter = RateLimiter(waiting.stop, budget=RetryBudget(LONGEST_PAUSE, PATIENCE))
        rule = GraphRetryRule(self._messages, service)
        reads = ReadLimit(waiting.seconds, counts_pauses=True, posts=True)
        self._transport = RetryTransport(transport, rule, limiter, reads=reads, on_wait=waiting.on_wait)

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the JSON object of an answer; {} for one without. Raises `SourceError`."""
        sent = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            "User-Agent": USER_AGENT,
            **(headers or {}),
        }
        try:
            answer = self._transport.handle_request(httpx.Request(method, url, headers=sent, content=content))
        except WriteRefusedError:
            raise
        except CONNECT_ERRORS as exc:
            error, _ = self._messages.explain_no_connection(exc)
            raise SourceError(error.summary, error.detail) from exc
        except httpx.HTTPError as exc:
            error = self._messages.explain_no_answer(exc)
            raise SourceError(error.summary, error.detail) from exc
        except (UnreadableAnswerError, DeadlineExceededError) as exc:
            raise SourceError(f"{self._service} issues no token: {exc}", _AGAIN) from exc
        except (TargetError, httpx.InvalidURL) as exc:
            raise SourceError(f"{self._service} issues no token: {exc}", _AGAIN) from exc
        try:
            found = decode_json(answer.content)
        except InvalidJsonError:
            found = None
        return answer.status_code, found if isinstance(found, dict) else {}

    def quote(self, text: str, hidden: str) -> str:
        """Quote text of the host without a secret that it may repeat."""
        return self._messages.quote(text.replace(hidden, "(secret)") if hidden else text, 300)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves the identity of the app: a client secret, or an assertion (a JWT that another issuer signed)."""

    secret: Secret
    is_assertion: bool

    def form(self) -> dict[str, str]:
        """Return the fields of the token request."""
        if self.is_assertion:
            return {"client_assertion": self.secret.reveal(), "client_assertion_type": _ASSERTION_TYPE}
        return {"client_secret": self.secret.reveal()}


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What is asked for: a token of `client_id` for the application permissions of `resource`."""

    endpoint: Endpoint
    tenant: str
    client_id: str
    resource: str

    @property
    def url(self) -> str:
        """The token endpoint."""
        return f"{self.endpoint.base_url}{token_path(self.tenant)}"

    def form(self, proof: Proof) -> bytes:
        """Return the body of the request."""
        return urlencode(
            {
                "client_id": self.client_id,
                "grant_type": "client_credentials",
                "scope": f"{self.resource}/.default",
                **proof.form(),
            }
        ).encode()


class ClientCredentials:
    """An app registration whose identity is proven for each token: an assertion ends after some minutes."""

    renewable = True

    def __init__(
        self,
        name: str,
        request: TokenRequest,
        prove: Callable[[], Proof],
        host: TokenHost,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self._request = request
        self._prove = prove
        self._host = host
        self._now = now

    def acquire(self) -> GraphToken:
        """Get a token. Raises `SourceError` with Entra's reason."""
        proof = self._prove()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, body = self._host.send("POST", self._request.url, headers, self._request.form(proof))
        if status != httpx.codes.OK:
            raise self._explain(status, body, proof)
        return self._parse(body)

    def _explain(self, status: int, body: Mapping[str, Any], proof: Proof) -> SourceError:
        description = body.get("error_description")
        first_line = description.splitlines()[0] if isinstance(description, str) and description else ""
        said = self._host.quote(first_line, proof.secret.reveal()) if first_line else f"it answers {status}"
        return explain_token_refusal(body, self.name, proof.secret.reveal() if proof.is_assertion else "", said)

    def _parse(self, body: Mapping[str, Any]) -> GraphToken:
        token = parse_bearer_token(body)
        if token is None:
            raise SourceError("Microsoft Entra ID's answer holds no access token", _AGAIN)
        lifetime = parse_lifetime(body.get("expires_in"), _LONGEST_LIFE)
        return GraphToken(token, None if lifetime is None else self._now() + lifetime)


def token_path(tenant: str) -> str:
    """Return the path of a tenant's token endpoint."""
    return f"/{tenant}/oauth2/v2.0/token"
