from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.jwt import make_jwt
from support.servers.http_server import Reply
from support.token_servers import TokenServer, reply, token_server

from reconciler.errors import SourceError
from reconciler.scim.secret import Secret
from reconciler.scim.transport import WriteRefusedError
from reconciler.sources.graph.clouds import parse_origin
from reconciler.sources.graph.login import ClientCredentials, Proof, TokenHost, TokenRequest, token_path
from reconciler.sources.graph.retry import Waiting

NOW = datetime(2026, 12, 1, tzinfo=UTC)
TENANT, CLIENT = "contoso.onmicrosoft.com", "6f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
SECRET = "s3cr~t+&="


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_server() as served:
        yield served


def make(server: TokenServer, proof: Proof | None = None) -> ClientCredentials:
    endpoint = parse_origin("RECONCILER_LOGIN_URL", server.origin)
    host = TokenHost(endpoint, "Microsoft Entra ID", "Check source.entra.cloud", posts=(token_path(TENANT),))
    request = TokenRequest(endpoint, TENANT, CLIENT, "https://graph.microsoft.com")
    used = proof or Proof(Secret(SECRET), is_assertion=False)
    return ClientCredentials("AZURE_CLIENT_SECRET", request, lambda: used, host, now=lambda: NOW)


def test_a_secret_is_exchanged_for_a_token(server: TokenServer) -> None:
    token = make(server).acquire()
    assert (token.secret.reveal(), token.expires) == ("token-1", NOW + timedelta(seconds=3599))
    assert [(request.method, request.target) for request in server.seen] == [("POST", f"/{TENANT}/oauth2/v2.0/token")]
    assert server.forms == [
        {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default",
        }
    ]


def test_an_assertion_is_exchanged_for_a_token(server: TokenServer) -> None:
    make(server, Proof(Secret("a.b.c"), is_assertion=True)).acquire()
    (form,) = server.forms
    assert form["client_assertion"] == "a.b.c"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form


def test_a_refusal_names_the_code_and_shows_no_secret(server: TokenServer) -> None:
    said = f"AADSTS50000: you sent {SECRET}\r\nTrace ID: 1"
    server.answers.append(reply(401, error="invalid_client", error_description=said, error_codes=[50000], trace_id="t"))
    with pytest.raises(SourceError) as raised:
        make(server).acquire()
    assert raised.value.summary == (
        'Microsoft Entra ID refuses AZURE_CLIENT_SECRET (AADSTS50000): "AADSTS50000: you sent (secret)"'
    )
    assert raised.value.detail.endswith("trace_id t")


def test_a_refused_assertion_is_explained(server: TokenServer) -> None:
    server.answers.append(reply(401, error_codes=[700213]))
    with pytest.raises(SourceError) as raised:
        make(server, Proof(Secret(make_jwt(sub="repo:a/b:ref:c")), is_assertion=True)).acquire()
    assert "  subject   repo:a/b:ref:c" in raised.value.detail.splitlines()


@pytest.mark.parametrize("answer", [Reply(status=400, body=b"<html>"), Reply(status=302, headers={"Location": "/x"})])
def test_an_answer_without_a_reason(server: TokenServer, answer: Reply) -> None:
    server.answers.append(answer)
    with pytest.raises(
        SourceError, match=rf"^Microsoft Entra ID refuses AZURE_CLIENT_SECRET: it answers {answer.status}$"
    ):
        make(server).acquire()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply(token_type="Bearer"),
        reply(token_type="mac", access_token="x"),
        reply(access_token="x"),
        reply(token_type="Bearer", access_token=""),
        reply(token_type="Bearer", access_token="a b"),
        reply(token_type="Bearer", access_token="x" * 40_000),
        Reply(status=200, body=b"[]"),
    ],
)
def test_an_answer_without_a_token(server: TokenServer, answer: Reply) -> None:
    server.answers.append(answer)
    with pytest.raises(SourceError, match=r"^Microsoft Entra ID's answer holds no access token$"):
        make(server).acquire()


@pytest.mark.parametrize(("life", "expires"), [("60", 60), (10**12, None), (None, None), (-5, None)])
def test_the_life_of_a_token_has_bounds(server: TokenServer, life: object, expires: int | None) -> None:
    server.answers.append(reply(token_type="bearer", access_token="x", expires_in=life))
    assert make(server).acquire().expires == (None if expires is None else NOW + timedelta(seconds=expires))


def test_a_busy_endpoint_is_asked_again(server: TokenServer) -> None:
    server.answers += [Reply(status=503), Reply(status=429, headers={"Retry-After": "0"})]
    assert make(server).acquire().secret.reveal() == "token-3"


def test_an_answer_that_is_too_large(server: TokenServer) -> None:
    server.answers.append(Reply(status=200, body=b" " * (1024 * 1024 + 1)))
    with pytest.raises(SourceError, match=r"issues no token: Microsoft Entra ID's answer is larger than 1 MiB$"):
        make(server).acquire()


def test_nothing_else_is_posted(server: TokenServer) -> None:
    endpoint = parse_origin("X", server.origin)
    host = TokenHost(endpoint, "X", "Check X", posts=(token_path(TENANT),))
    with pytest.raises(WriteRefusedError):
        host.send("POST", f"{server.origin}/other")
    with pytest.raises(SourceError, match="one origin only"):
        host.send("GET", "https://evil.example/")
    assert server.seen == []


def test_a_host_that_does_not_answer(server: TokenServer) -> None:
    credential = make(server)
    server.server.close()
    with pytest.raises(SourceError, match=r"^127\.0\.0\.1 refuses the connection$") as raised:
        credential.acquire()
    assert raised.value.detail.startswith("Check source.entra.cloud")


def test_no_text_shows_a_secret(server: TokenServer) -> None:
    credential = make(server)
    assert SECRET not in repr(credential) + repr(vars(credential)) + repr(Proof(Secret(SECRET), is_assertion=False))


def test_a_host_that_does_not_answer_is_waited_for_as_long_as_it_may_take(server: TokenServer) -> None:
    server.answers += [Reply(status=200, wait=3)] * 3
    endpoint = parse_origin("RECONCILER_LOGIN_URL", server.origin)
    waiting = Waiting(seconds=1.5)
    host = TokenHost(endpoint, "Microsoft Entra ID", "Check it", posts=(token_path(TENANT),), waiting=waiting)
    began = time.monotonic()
    with pytest.raises(SourceError, match="Microsoft Entra ID"):
        host.send("POST", f"{endpoint.base_url}{token_path(TENANT)}")
    assert time.monotonic() - began < 2.8
    host.close()
