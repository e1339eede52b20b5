from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from support.servers.http_server import Reply
from support.token_servers import TokenServer, reply, token_server

from reconciler.errors import TargetError
from reconciler.oauth.endpoints import parse_token_endpoint
from reconciler.oauth.token_client import TokenClient
from reconciler.oauth.token_refusals import TokenAnswerLostError, TokenRefusedError
from reconciler.scim.secret import Secret

CLIENT = "SCIM.6f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
SECRET, REFRESH = "s3cr~t+&=", "refresh/+=1"
ISSUED = {"token_type": "Bearer", "access_token": "access-1"}


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_server() as served:
        yield served


def client_of(origin: str) -> TokenClient:
    endpoint = parse_token_endpoint(f"{origin}/auth/oauth2/v2/token", ["127.0.0.1"])
    return TokenClient(endpoint, CLIENT, Secret(SECRET))


def refresh(server: TokenServer) -> str:
    with client_of(server.origin) as client:
        return client.refresh(Secret(REFRESH)).access_token.reveal()


def test_a_refresh_token_is_exchanged(server: TokenServer) -> None:
    server.answers.append(reply(**ISSUED, expires_in=3600, refresh_token="refresh-2"))
    with client_of(server.origin) as client:
        answer = client.refresh(Secret(REFRESH))
    assert answer.refresh_token is not None
    assert (answer.access_token.reveal(), answer.refresh_token.reveal()) == ("access-1", "refresh-2")
    assert answer.lifetime == timedelta(hours=1)
    assert "access-1" not in repr(answer)
    assert server.forms == [
        {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "grant_type": "refresh_token",
            "refresh_token": REFRESH,
        }
    ]
    (request,) = server.seen
    assert (request.method, request.target) == ("POST", "/auth/oauth2/v2/token")
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert "authorization" not in sent
    assert sent["connection"] == "close"


def test_nothing_is_sent_to_another_origin(server: TokenServer) -> None:
    with client_of(server.origin) as client:
        client._url = client._url.replace("127.0.0.1", "localhost")
        with pytest.raises(TargetError, match="was not sent"):
            client.refresh(Secret(REFRESH))
    assert server.seen == []


@pytest.mark.parametrize("verifier", [None, "v" * 43])
def test_a_code_is_exchanged(server: TokenServer, verifier: str | None) -> None:
    with client_of(server.origin) as client:
        client.exchange_code(Secret("c&de"), "http://127.0.0.1:1/cb?x", None if verifier is None else Secret(verifier))
    (form,) = server.forms
    assert (form["grant_type"], form["code"], form["redirect_uri"]) == (
        *("authorization_code", "c&de"),
        "http://127.0.0.1:1/cb?x",
    )
    assert form.get("code_verifier") == verifier


def test_tokens_with_another_status_of_success_are_used(server: TokenServer) -> None:
    server.answers.append(reply(201, **ISSUED))
    assert refresh(server) == "access-1"


@pytest.mark.parametrize("sent", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_an_answer_without_a_refresh_token_keeps_the_old_one(server: TokenServer, sent: dict[str, None]) -> None:
    server.answers.append(reply(**ISSUED, **sent))
    with client_of(server.origin) as client:
        answer = client.refresh(Secret(REFRESH))
    assert (answer.refresh_token, answer.lifetime) == (None, None)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=200, body=b"<html>"),
        Reply(status=200, body=b""),
        Reply(status=200, body=b"[]"),
        Reply(status=200, body=b'"x"'),
        reply(access_token="x"),
        reply(token_type="mac", access_token="x"),
        reply(token_type="Bearer", access_token="a b"),
        reply(token_type="Bearer", access_token={"x": 1}),
        reply(**ISSUED, refresh_token=7),
        reply(**ISSUED, refresh_token="x" * 40_000),
        Reply(status=200, body=b" " * (1024 * 1024 + 1)),
        Reply(status=200, headers={"Content-Encoding": "br"}, body=b"{}"),
        Reply(status=200, headers={"Content-Encoding": "gzip"}, body=b"{}"),
        Reply(status=503, body=b"<html>busy"),
        Reply(status=204),
        Reply(status=202, body=b"<html>"),
        reply(201, error="invalid_grant"),
    ],
)
def test_a_useless_answer_is_lost_and_not_asked_for_again(server: TokenServer, answer: Reply) -> None:
    server.answers.append(answer)
    with pytest.raises(TokenAnswerLostError) as raised:
        refresh(server)
    assert len(server.seen) == 1
    assert "reconciler login" in raised.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        reply(400, error="invalid_grant", error_description=f"no {REFRESH} of {SECRET}"),
        Reply(status=429, headers={"Retry-After": "0"}),
        reply(400, error="temporarily_unavailable"),
        Reply(status=302, headers={"Location": "https://evil.example/"}),
        Reply(status=404, body=b"<html>"),
    ],
)
def test_a_refusal_is_final_and_shows_no_secret(server: TokenServer, answer: Reply) -> None:
    server.answers.append(answer)
    with pytest.raises(TokenRefusedError) as raised:
        refresh(server)
    assert len(server.seen) == 1
    shown = f"{raised.value.summary} {raised.value.detail}"
    assert SECRET not in shown
    assert REFRESH not in shown


def test_a_refused_connection_is_tried_again(server: TokenServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        with client_of(origin) as client, pytest.raises(TargetError, match=r"^127\.0\.0\.1 refuses the connection$"):
            client.refresh(Secret(REFRESH))
        assert time.monotonic() - began > 0.5


def test_a_connection_that_breaks_off_is_not_tried_again() -> None:
    accepted = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(3)
        client = client_of(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            nonlocal accepted
            try:
                while True:
                    connection, _ = listener.accept()
                    accepted += 1
                    connection.recv(10_000)
                    connection.close()
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        with client, pytest.raises(TokenAnswerLostError, match="does not answer: its answer is incomplete or broken"):
            client.refresh(Secret(REFRESH))
        time.sleep(0.3)
        listener.close()
        thread.join(5)
    assert accepted == 1


class Failing(httpx.BaseTransport):
    """A connection that was made, and then fails."""

    def __init__(self, exc: httpx.HTTPError) -> None:
        self._exc = exc
        self.attempts = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.attempts += 1
        raise self._exc


@pytest.mark.parametrize(
    ("exc", "message"),
    [
        (httpx.ReadTimeout("x"), "it took too long"),
        (httpx.WriteTimeout("x"), "the connection broke while the request was sent"),
        (httpx.WriteError("x"), "the connection broke while the request was sent"),
        (httpx.RemoteProtocolError(f"illegal header {REFRESH}"), "its answer is incomplete or broken"),
    ],
)
def test_what_was_sent_is_not_sent_again(exc: httpx.HTTPError, message: str) -> None:
    failing = Failing(exc)
    endpoint = parse_token_endpoint("http://127.0.0.1:1/token", ["127.0.0.1"])
    with (
        TokenClient(endpoint, CLIENT, Secret(SECRET), connect=lambda: failing) as client,
        pytest.raises(TokenAnswerLostError, match=f"^the authorization server does not answer: {message}$"),
    ):
        client.refresh(Secret(REFRESH))
    assert failing.attempts == 1
