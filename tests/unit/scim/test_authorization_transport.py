from __future__ import annotations

import httpx
import pytest

from reconciler.errors import TargetError
from reconciler.scim.authorization_transport import AuthorizationTransport
from reconciler.scim.secret import Secret, SentTokens
from reconciler.scim.token_source import FixedToken, TokenSource


class Tokens:
    """Tokens in turn: `renew` goes on to the next."""

    advice = "Check it."

    def __init__(self, *values: str) -> None:
        self.values = [Secret(value) for value in values]
        self.rejected: list[str] = []

    def current(self) -> Secret:
        return self.values[0]

    def renew(self, rejected: Secret) -> Secret | None:
        self.rejected.append(rejected.reveal())
        del self.values[0]
        return self.values[0] if self.values else None


class Service:
    """Takes one token; notes the token and the body of each request."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.seen: list[tuple[str, bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = request.headers["Authorization"].removeprefix("Bearer ")
        self.seen.append((sent, request.read()))
        return httpx.Response(200 if sent == self.token else 401)


def send(tokens: TokenSource, service: Service, sent: SentTokens | None = None) -> int:
    transport = AuthorizationTransport(httpx.MockTransport(service), tokens, sent or SentTokens())
    return transport.handle_request(httpx.Request("PATCH", "https://scim.example/Users/7", content=b"x")).status_code


def test_a_request_has_the_current_token() -> None:
    service, tokens = Service("a"), Tokens("a", "b")
    assert send(tokens, service) == 200
    assert service.seen == [("a", b"x")]
    assert tokens.rejected == []


def test_a_rejected_token_is_renewed_and_the_request_sent_once_more() -> None:
    service, tokens, sent = Service("b"), Tokens("a", "b", "c"), SentTokens()
    assert send(tokens, service, sent) == 200
    assert service.seen == [("a", b"x"), ("b", b"x")]
    assert tokens.rejected == ["a"]
    assert sent.hide("a b c") == "(token) (token) c"


def test_a_renewed_token_that_is_rejected_too_is_not_renewed_again() -> None:
    service, tokens = Service("none"), Tokens("a", "b", "c")
    assert send(tokens, service) == 401
    assert [token for token, _ in service.seen] == ["a", "b"]


@pytest.mark.parametrize("tokens", [Tokens("a"), FixedToken(Secret("a")), Tokens("a", "a")])
def test_without_another_token_the_answer_stands(tokens: TokenSource) -> None:
    service = Service("none")
    assert send(tokens, service) == 401
    assert len(service.seen) == 1


def test_nothing_is_sent_without_a_token() -> None:
    class NoToken(Tokens):
        def current(self) -> Secret:
            raise TargetError("there is no token")

    service = Service("a")
    with pytest.raises(TargetError, match="there is no token"):
        send(NoToken(), service)
    assert service.seen == []


def test_it_closes_the_transport_below() -> None:
    class Inner(httpx.MockTransport):
        closed = False

        def close(self) -> None:
            self.closed = True

    inner = Inner(Service("a"))
    AuthorizationTransport(inner, Tokens("a"), SentTokens()).close()
    assert inner.closed
