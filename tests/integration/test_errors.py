"""Errors between the program and a service name a remedy, whatever the cause, and never contain the token."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.http_server import HttpServer, Reply, Request
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import load_default_seed, seed
from reconciler.sandbox.server import start
from reconciler.sandbox.store import open_store

TOKEN = "tok-s3cret"
PERSON = {"objectId": "7", "userPrincipalName": "new@example.com", "givenName": "Ada", "surname": "Lovelace"}
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

Answer = Callable[[Request], Reply]


@contextmanager
def service(answer: Answer) -> Iterator[str]:
    """Serve `answer` and yield the base URL."""
    server = HttpServer(answer)
    try:
        yield server.origin + "/scim"
    finally:
        server.close()


def run_command(
    base_url: str, root: Path, patch: pytest.MonkeyPatch, *command: str, profile: str = "scim"
) -> CommandResult:
    """Run a command on a desired state of one user."""
    work = Workspace(root, base_url, TOKEN, patch)
    target = {"profile": profile, "base_url": base_url}
    work.settings(target=target if profile == "scim" else {**target, "domains": ["example.com"]})
    work.users([PERSON])
    result = work.run(*(command or ("plan",)))
    assert TOKEN not in result.out + result.err
    assert "Traceback" not in result.err
    return result


def scim(status: int, detail: str, **headers: str) -> Reply:
    body = json.dumps({"schemas": [ERROR], "status": str(status), "detail": detail}).encode()
    return Reply(status=status, headers={"Content-Type": "application/scim+json", **headers}, body=body)


PAGE = b"<!doctype html><title>502 Bad Gateway</title>"
SESSION: dict[str, tuple[Reply, list[str]]] = {
    "an expired token": (
        scim(401, f"Bearer {TOKEN} has expired\x1b[2J"),
        ['does not accept the token (401): "Bearer (token) has expired\\u{1b}[2J"', "Check RECONCILER_TOKEN"],
    ),
    "a forbidden request": (scim(403, "no"), ['forbids the request (403): "no"', "the connection is active"]),
    "a firewall": (Reply(status=403, body=PAGE), ["something in front of the service forbids", "A firewall"]),
    "a redirect": (
        Reply(status=307, headers={"Location": "https://login.example.com/sso?next=scim"}),
        ['redirects to "https://login.example.com/sso', 'It points to the host "login.example.com".'],
    ),
    "a redirect that is no URL": (
        Reply(status=302, headers={"Location": "https://[::1"}),
        ['the service redirects to "https://[::1', "correct target.base_url."],
    ),
    "a proxy's password": (
        Reply(status=407),
        ["a proxy in front of the service requires authentication (407)", "This is not the proxy of RECONCILER_PROXY"],
    ),
    "a proxy's error": (Reply(status=502, body=PAGE), ["a proxy in front of the service answers for it (502, a web"]),
    "no such place": (scim(404, "nothing here"), ["there is no SCIM service at", '(404): "nothing here"', "need /v2"]),
    "a login page": (Reply(status=200, body=PAGE), ["a web page instead of JSON", "A login page or a proxy"]),
    "nothing": (Reply(status=200), ["answers with nothing instead of JSON"]),
    "no JSON": (Reply(status=200, body=f"hello {TOKEN}".encode()), ["not JSON", 'It starts with: "hello (token)"']),
    "a list": (Reply(status=200, body=b"[]"), ["JSON that is not an object"]),
}


@pytest.mark.parametrize("name", SESSION)
def test_a_response_that_concerns_every_request_is_explained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply, expected = SESSION[name]
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        return reply

    with service(answer) as base_url:
        result = run_command(base_url, tmp_path, monkeypatch)
    assert (result.code, result.out) == (1, "")
    assert [word for word in expected if word not in result.err] == [], result.err
    if reply.status != 502:  # a smaller page may pass
        assert len(requests) == (3 if name == "nothing" else 1)  # an empty answer is asked for again


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("/v2", "Apple's has no /v2 at its end"),
        ("/v2/v2", "ends in /v2 twice"),
        ("/Users", "must end before /Users"),
    ],
)
def test_a_base_url_with_a_wrong_ending_is_explained(
    tail: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(lambda _request: scim(404, "")) as base_url:
        assert expected in run_command(base_url + tail, tmp_path, monkeypatch).err


# --- no connection --------------------------------------------------------------------------


def test_an_unknown_host_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    work_host = "https://scim.invalid/scim"
    work = Workspace(tmp_path, work_host, TOKEN, monkeypatch)
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "scim.invalid")
    work.users([PERSON])
    result = work.plan()
    assert result.code == 1
    assert "Error: the host name scim.invalid cannot be resolved: [Errno -2] Name or service not known" in result.err
    assert "the DNS servers of this machine" in result.err


def test_a_port_without_a_listener_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = run_command(f"http://127.0.0.1:{port}/scim", tmp_path, monkeypatch)
    assert result.code == 1
    assert "Error: 127.0.0.1 refuses the connection" in result.err


def test_a_port_without_tls_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(lambda _request: scim(404, "")) as base_url:
        result = run_command(base_url.replace("http://", "https://"), tmp_path, monkeypatch)
    assert result.code == 1
    assert "Error: no TLS connection to 127.0.0.1" in result.err
    assert "does the service speak https on this port?" in result.err


def test_a_connection_that_breaks_before_a_response_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(lambda _request: Reply(status=200, lost=True)) as base_url:
        result = run_command(base_url, tmp_path, monkeypatch)
    assert result.code == 1
    assert "the service does not answer: the answer is incomplete" in result.err


def test_a_service_that_is_always_busy_ends_in_an_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(lambda _request: scim(503, "maintenance")) as base_url:
        result = run_command(base_url, tmp_path, monkeypatch)
    assert result.code == 1
    assert 'the users cannot be listed: the service refused it (503): "maintenance"' in result.err


# --- Apple's errors, on the sandbox ---------------------------------------------------------


@contextmanager
def sandbox(root: Path, **quirks: Any) -> Iterator[tuple[str, str, Path]]:
    """Yield base URL, token and file of a sandbox that contains only accounts of other kinds."""
    file = root / "sandbox.db"
    seed(file, {**load_default_seed(), "users": [], "domains": ["example.com"]})
    running = start(file, quirks=Quirks(**quirks))
    try:
        yield running.base_url, running.token, file
    finally:
        running.close()


def applied(root: Path, base_url: str, token: str, patch: pytest.MonkeyPatch) -> CommandResult:
    work = Workspace(root / "work", base_url, token, patch)
    profile = {"profile": "apple-business-manager", "base_url": base_url, "domains": ["example.com"]}
    work.settings(target=profile)
    work.users([PERSON])
    result = work.apply()
    assert token not in result.out + result.err
    return result


@pytest.mark.parametrize("kind", ["personal", "admin", "manual"])
def test_a_name_held_by_an_invisible_account_is_explained(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox(tmp_path) as (base_url, token, file):
        with open_store(file) as store:
            store.add_account("new@example.com", kind)
        result = applied(tmp_path, base_url, token, monkeypatch)
    assert result.code == 5
    assert "An account that Apple Business Manager does not show over SCIM holds the name" in result.out
    for cause in ("a personal Apple Account", "created manually", "an administrator's", "deleted in the last 30 days"):
        assert result.out.count(f"\n  - {'an account ' * cause.startswith(('created', 'deleted'))}{cause}") == 1
    for code in ("USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID", "EMAIL_UNAVAILABLE_AS_MAID", "NOT_ENOUGH_PRIVILEGE"):
        assert code in result.out


def test_an_unverified_domain_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(tmp_path) as (base_url, token, file):
        with open_store(file) as store:
            store.set_domains(["other.example"])
        result = applied(tmp_path, base_url, token, monkeypatch)
    assert result.code == 5
    assert "Add and verify the domain in Apple Business Manager" in result.out


SANDBOX: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a connection that is not active yet": (
        {"activation": 60.0},
        ['(403): "The connection is not active yet"', "may take a minute to activate a new connection"],
    ),
    "a login page": ({"in_between": "login_page"}, ["a web page instead of JSON"]),
    "a redirect": ({"in_between": "redirect"}, ['It points to the host "login.example.com".']),
    "a proxy that wants a password": (
        {"in_between": "proxy_password"},
        ["a proxy in front of the service requires authentication (407)"],
    ),
    "a proxy without a service": ({"in_between": "proxy_error"}, ["a proxy in front of the service answers for it"]),
}


@pytest.mark.parametrize("name", SANDBOX)
def test_a_session_that_apple_refuses_is_explained(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quirks, expected = SANDBOX[name]
    with sandbox(tmp_path, **quirks) as (base_url, token, _):
        result = applied(tmp_path, base_url, token, monkeypatch)
    assert (result.code, result.out) == (1, "")
    assert [word for word in expected if word not in result.err] == [], result.err


def test_a_token_that_is_not_from_apple_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(tmp_path) as (base_url, _, _):
        result = applied(tmp_path, base_url, "a-wrong-one", monkeypatch)
    assert result.code == 1
    assert "a new one must be used within 4 days" in result.err


def test_a_base_url_ending_in_v2_at_apple_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(tmp_path) as (base_url, token, _):
        result = applied(tmp_path, f"{base_url}/v2", token, monkeypatch)
    assert result.code == 1
    assert "https://federation.apple.com/feeds/business/scim" in result.err


# --- certificates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (9, "it is not valid yet"),
        (10, "it has expired"),
        (18, "it is self-signed"),
        (19, "no authority that this machine trusts has signed it"),
        (20, "no authority that this machine trusts has signed it"),
        (62, "it belongs to another host"),
        (64, "it belongs to another host"),
        (23, "certificate revoked"),
    ],
)
def test_certificate_errors_are_distinguished(
    code: int, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_options: Any) -> Any:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_code, error.verify_message = code, "certificate revoked" if code == 23 else "as OpenSSL says"
        raise error

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    connections: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = run_command(f"https://127.0.0.1:{listener.getsockname()[1]}/scim", tmp_path, monkeypatch)
        listener.settimeout(0.2)
        with suppress(TimeoutError):
            while True:
                connections.append(listener.accept()[0])
    for connection in connections:
        connection.close()
    assert result.code == 1
    assert f"the service's certificate is not accepted: {expected}" in result.err
    assert len(connections) == 1, "a certificate error is not retried"


def test_the_advice_for_errors_that_are_not_shown_works(open_workspace: OpenWorkspace) -> None:
    accounts = [make_user(number) for number in range(60)]
    work = open_workspace(FakeScimServer(users=accounts))
    # Each has an error of its own: the same error of many users is reported once.
    people = [source(account, objectId=f"other-{n}") for n, account in enumerate(accounts)]
    work.users([*people, PERSON])
    shown = work.run("plan")
    assert "10 more errors in users/people.yaml are not shown" in shown.out + shown.err
    assert "`reconciler plan --format json` lists all of them" in shown.out + shown.err
    found = [item for item in work.plan().plan["diagnostics"] if item["severity"] == "error"]
    assert len(found) == 60
    work.write("scope.yaml", "snyc: all\n")
    work.users([{**user, "lifecycle": {"starts": "soon"}} for user in people])
    refused = work.run("plan")
    assert refused.out == ""
    assert "in JSON" not in refused.err
    assert "--format json" not in refused.err
