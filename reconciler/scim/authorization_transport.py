"""A transport that puts the token into each request, and renews one that the service rejects.

It is below the layer that sends again: a request that waits for minutes is sent with the token of that moment.
"""

from __future__ import annotations

import httpx

from reconciler.scim.secret import Secret, SentTokens
from reconciler.scim.token_source import TokenSource


class AuthorizationTransport(httpx.BaseTransport):
    """Sends requests with the current token; after a 401 once more, if there is another token. Notes what it sends."""

    def __init__(self, inner: httpx.BaseTransport, tokens: TokenSource, sent: SentTokens) -> None:
        self._inner = inner
        self._tokens = tokens
        self._sent = sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        token = self._tokens.current()
        response = self._send(request, token)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        # RFC 9110 §15.5.2: a request with a 401 was not applied, so that a write can be sent again, too.
        renewed = self._tokens.renew(token)
        if renewed is None or renewed.reveal() == token.reveal():
            return response
        response.close()
        return self._send(request, renewed)

    def _send(self, request: httpx.Request, token: Secret) -> httpx.Response:
        self._sent.add(token)
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
