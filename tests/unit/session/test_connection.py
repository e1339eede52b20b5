from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from support.builders import APPLE, SCIM, TARGET
from support.servers.http_server import HttpServer, Reply, Request

from reconciler.core.expiry import ConnectionCredential, CredentialKind
from reconciler.errors import ScimError, StopRequestedError, TargetError
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.retry import Wait
from reconciler.scim.secret import Secret
from reconciler.scim.token_source import FixedToken
from reconciler.scim.transport import WriteRefusedError
from reconciler.session.connection import (
    AnswerBounds,
    Connection,
    connect,
    explain_refusals,
    open_client,
)

TOKEN = "tok-s3cret"
APPLE_URL = TARGET.base_url


# --- the environment ---------------------------------------------------------------------------


def test_a_built_in_host_needs_a_token_only() -> None:
    found = connect(APPLE_URL, APPLE, {"RECONCILER_TOKEN": f" {TOKEN}\n"})
    assert (found.endpoint.base_url, found.tokens.current().reveal()) == (APPLE_URL, TOKEN)
    assert found.hints is APPLE.refusal_hints


def test_another_host_must_be_allowed() -> None:
    url = "https://scim.example.com/v2"
    with pytest.raises(TargetError, match=r"^the token may not be sent to scim\.example\.com$"):
        connect(url, SCIM, {"RECONCILER_TOKEN": TOKEN, "RECONCILER_ALLOWED_HOSTS": "other.example, ,"})
    allowed = {"RECONCILER_TOKEN": TOKEN, "RECONCILER_ALLOWED_HOSTS": "other.example, scim.example.com"}
    assert connect(url, SCIM, allowed).endpoint.host == "scim.example.com"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "RECONCILER_TOKEN is not set"),
        ("  ", "RECONCILER_TOKEN is not set"),
        ("a b", "RECONCILER_TOKEN has characters that no token has"),
        ("a\nb", "RECONCILER_TOKEN has characters that no token has"),
        ("é", "RECONCILER_TOKEN has characters that no token has"),
    ],
)
def test_an_invalid_token_is_refused(token: str | None, message: str) -> None:
    with pytest.raises(TargetError) as raised:
        connect(APPLE_URL, APPLE, {} if token is None else {"RECONCILER_TOKEN": token})
    assert raised.value.summary == message


def test_no_repr_shows_the_token() -> None:
    found = connect(APPLE_URL, APPLE, {"RECONCILER_TOKEN": TOKEN})
    assert TOKEN not in repr(found)
    assert repr(found.tokens.current()) == str(Secret("x")) == "<token>"


# --- the client and its transports -------------------------------------------------------------


class Service:
    """Answers with `replies` in turn, then with the user of id 7."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[Request] = []
        self.base_url = ""

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.replies.pop(0) if self.replies else Reply(status=200, body=json.dumps({"id": "7"}).encode())


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    server = HttpServer(found)
    found.base_url = f"http://127.0.0.1:{server.server_port}/scim"
    yield found
    server.close()


def connection(service: Service | str) -> Connection:
    environment = {"RECONCILER_TOKEN": TOKEN, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    return connect(service if isinstance(service, str) else service.base_url, SCIM, environment)


def test_a_client_that_reads_cannot_write(service: Service) -> None:
    with open_client(connection(service), writes=False) as client:
        assert client.get_user("7") == {"id": "7"}
        with pytest.raises(WriteRefusedError):
            client.delete_user("7")
    assert [request.method for request in service.requests] == ["GET"]


def test_a_client_that_reads_all_users_has_many_requests_in_flight() -> None:
    together, seen, lock = 0, [0], threading.Lock()

    def answer(request: Request) -> Reply:
        nonlocal together
        start = int(parse_qs(urlsplit(request.target).query)["startIndex"][0])
        with lock:
            together += 1
            seen.append(together)
        time.sleep(0.05)
        with lock:
            together -= 1
        users = [{"id": str(number)} for number in range(200)]
        return Reply(status=200, body=json.dumps({"totalResults": 200, "Resources": users[start - 1 :][:10]}).encode())

    server = HttpServer(answer)
    to = connection(f"http://127.0.0.1:{server.server_port}/scim")
    with open_client(to, writes=False) as client:
        read = client.list_users(dict, page_size=100, progress=lambda *_: None)
    server.close()
    assert (read.problem, len(read.users)) == (None, 200)
    assert max(seen) <= 9
    assert max(seen[:9]) > 4, "from the second page on"


def test_a_client_sends_again_within_its_rate_limiter(service: Service) -> None:
    waits: list[Wait] = []
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    service.replies = [Reply(status=429, headers={"Retry-After": after}) for after in (soon, "0")]
    limiter = RateLimiter()
    with open_client(connection(service), writes=True, limiter=limiter, on_wait=waits.append) as client:
        assert client.patch_user("7", {"Operations": []}) == {"id": "7"}
    assert [request.method for request in service.requests] == ["PATCH"] * 3
    assert len({request.body for request in service.requests}) == 1
    assert [(wait.request, wait.attempt, wait.retry) for wait in waits] == [
        ('the user with the id "7"', 1, True),
        ('the user with the id "7"', 2, True),
    ]


@pytest.mark.parametrize(("writes", "waits"), [(False, []), (True, [95.0])])
def test_a_read_waits_for_a_pause_that_the_service_asks_for_only_while_changes_are_applied(
    service: Service, writes: bool, waits: list[float]
) -> None:
    service.replies = [Reply(status=503, headers={"Retry-After": "95"})]
    stop, found = threading.Event(), []  # type: tuple[threading.Event, list[float]]
    limiter = RateLimiter(stop, spread=lambda: 0.0)

    def end(wait: Wait) -> None:
        found.append(wait.seconds // 1)
        stop.set()

    with (
        open_client(connection(service), writes=writes, limiter=limiter, on_wait=end) as client,
        pytest.raises(StopRequestedError if writes else ScimError) as ended,
    ):
        client.get_user("7")
    assert found == waits
    assert writes or "(it asks to wait 95 seconds, until " in str(ended.value)


def test_a_service_that_keeps_refusing_is_asked_four_times(service: Service) -> None:
    service.replies = [Reply(status=503, headers={"Retry-After": "0"})] * 10
    with open_client(connection(service), writes=False) as client, pytest.raises(ScimError, match=r"\(503\)"):
        client.get_user("7")
    assert len(service.requests) == 4


def test_the_answers_of_a_client_are_bounded(service: Service) -> None:
    service.replies = [Reply(status=200, body=b"x" * 2_000_000), *[Reply(status=503, headers={"Retry-After": "2"})] * 9]
    bounds = AnswerBounds(read_seconds=1.0, max_bytes=1024**2)
    with open_client(connection(service), writes=False, bounds=bounds) as client:
        with pytest.raises(TargetError, match="is larger than 1 MiB"):
            client.ask("/Users")
        assert client.ask("/Users").status_code == 503
    assert len(service.requests) == 2


def test_no_message_repeats_any_token_that_was_sent(service: Service) -> None:
    class Renewed(FixedToken):
        advice = "Check the store."

        def renew(self, rejected: Secret) -> Secret | None:
            return Secret("tok-s3cret-2")

    body = json.dumps({"detail": f"bad {TOKEN} tok-s3cret-2"}).encode()
    service.replies = [Reply(status=401, body=body)] * 2
    to = replace(connection(service), tokens=Renewed(Secret(TOKEN)))
    with open_client(to, writes=False) as client, pytest.raises(TargetError) as raised:
        client.get_user("7")
    assert (raised.value.summary, raised.value.detail) == (
        'the service does not accept the token (401): "bad (token) (token)"',
        "Check the store.",
    )
    assert [request.headers["Authorization"] for request in service.requests] == [
        f"Bearer {TOKEN}",
        "Bearer tok-s3cret-2",
    ]


# --- a refused token ------------------------------------------------------------------------------


def test_the_dates_of_a_token_replace_the_general_advice() -> None:
    found = connect(APPLE_URL, APPLE, {"RECONCILER_TOKEN": TOKEN})
    token = ConnectionCredential(CredentialKind.TOKEN, date(2027, 5, 1), rules=APPLE.token_rules)
    assert "Check RECONCILER_TOKEN" not in explain_refusals(found, [token], date(2027, 5, 2)).refused_token
    before = explain_refusals(found, [token], date(2027, 4, 1)).refused_token
    assert before.startswith("Check RECONCILER_TOKEN")
    assert "tokens last a year" not in before
    undated = explain_refusals(found, [replace(token, expires=None)], date(2027, 4, 1)).refused_token
    assert "tokens last a year" in undated


def test_a_connection_without_a_token_keeps_the_advice_of_its_source() -> None:
    found = connect(APPLE_URL, APPLE, {"RECONCILER_TOKEN": TOKEN})
    secret = ConnectionCredential(CredentialKind.CLIENT_SECRET, date(2027, 5, 1))
    assert explain_refusals(found, [secret], date(2027, 5, 2)).refused_token == FixedToken.advice


# --- a rate that processes share, and tokens of tenants -----------------------------------------


def test_requests_of_all_clients_of_an_address_share_a_rate(service: Service, tmp_path: Path) -> None:
    environment = {
        "RECONCILER_TOKEN": TOKEN,
        "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        "RECONCILER_REQUESTS_PER_SECOND": "0.02",
        "XDG_STATE_HOME": str(tmp_path),
    }
    stop = threading.Event()
    limiter = RateLimiter(stop)
    with open_client(connect(service.base_url, SCIM, environment), writes=False) as one:
        assert one.get_user("7") == {"id": "7"}
    with open_client(connect(service.base_url, SCIM, environment), writes=True, limiter=limiter) as other:
        stop.set()
        with pytest.raises(StopRequestedError):  # its slot is 50 seconds away
            other.delete_user("7")
    assert limiter.shared is not None
    with pytest.raises(TargetError, match="its file is closed"):
        limiter.shared.reserve()
    assert len(service.requests) == 1


def test_the_token_is_that_of_the_tenant(tmp_path: Path) -> None:
    for name in ("acme", "beta"):
        (tmp_path / name).write_text(f"token-of-{name}\n")
        (tmp_path / name).chmod(0o600)
    found = connect(APPLE_URL, APPLE, {"RECONCILER_TOKEN_DIR": str(tmp_path)}, tenant="beta")
    assert found.tokens.current().reveal() == "token-of-beta"
    assert "RECONCILER_TOKEN_DIR" in found.tokens.advice
