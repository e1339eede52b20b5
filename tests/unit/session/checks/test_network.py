from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.certificates import private_authority
from support.checks import TOKEN, AskedService, ask_all, build_check_context, show

from reconciler.core.check import Answer, CheckVerdict
from reconciler.scim.ca_bundle import CaBundle
from reconciler.session.checks import network
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.network import ask_host, ask_network, ask_proxy

HOST = CheckGroup(ask_host, ("host",))
PROXY = CheckGroup(ask_proxy, ("proxy",))
NETWORK = CheckGroup(ask_network, ("dns", "tcp", "tls"))
APPLE = "https://federation.apple.com/feeds/business/scim"
ALLOWED = {"RECONCILER_ALLOWED_HOSTS": "127.0.0.1,localhost,nowhere.invalid,scim.example.com"}


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def ask(root: Path, resources: ExitStack, base_url: str, *groups: CheckGroup, **options: Any) -> list[str]:
    options.setdefault("environment", ALLOWED)
    return list(show(ask_all(build_check_context(root, resources, base_url, **options), *groups)))


# --- host and proxy -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "profile", "text"),
    [
        (
            APPLE,
            "apple-business-manager",
            "ok host: the token may be sent to federation.apple.com: it is built in for Apple Business Manager",
        ),
        (
            "https://scim.example.com/scim",
            "scim",
            "ok host: the token may be sent to scim.example.com: it is allowed by RECONCILER_ALLOWED_HOSTS",
        ),
        (
            "https://other.example.com/scim",
            "scim",
            (
                "failed host: the token may not be sent to other.example.com | If it is the right service, allow it"
                " where the token comes from: RECONCILER_ALLOWED_HOSTS=other.example.com"
            ),
        ),
        (
            "https://federation.apple.co/scim",
            "apple-business-manager",
            "failed host: the token may not be sent to federation.apple.co | Did you mean federation.apple.com?",
        ),
    ],
)
def test_the_host_is_built_in_or_allowed_by_a_variable_or_refused(
    tmp_path: Path, resources: ExitStack, base_url: str, profile: str, text: str
) -> None:
    assert ask(tmp_path, resources, base_url, HOST, profile=profile) == [text]


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, "ok proxy: none"),
        ({"HTTPS_PROXY": "http://p:1"}, "ok proxy: none (HTTPS_PROXY is set for other programs, and not used)"),
        ({"RECONCILER_PROXY": f"http://u:{TOKEN}@proxy.example.com:8080"}, "ok proxy: proxy.example.com:8080, by"),
        ({"RECONCILER_PROXY": f"u:{TOKEN}"}, "failed proxy: RECONCILER_PROXY is not the URL of a proxy: "),
    ],
)
def test_the_proxy_is_named_without_its_password(
    tmp_path: Path, resources: ExitStack, environment: dict[str, str], text: str
) -> None:
    (found,) = ask(tmp_path, resources, APPLE, PROXY, environment=environment)
    assert found.startswith(text)
    assert TOKEN not in found


def test_the_bundle_is_shown_with_the_end_of_its_first_authority(tmp_path: Path, resources: ExitStack) -> None:
    bundle = private_authority().write(tmp_path)
    variables = {"RECONCILER_CA_BUNDLE": str(bundle), "RECONCILER_PROXY": "http://p:1", "RECONCILER_NO_PROXY": "a,.b"}
    (found,) = ask(tmp_path, resources, APPLE, PROXY, environment=variables)
    assert found == (
        "ok proxy: p:1, by RECONCILER_PROXY, but not for 2 entries of RECONCILER_NO_PROXY; "
        "1 authority of RECONCILER_CA_BUNDLE trusted, too, until 3000-01-01"
    )


@pytest.mark.parametrize(("days", "count", "verdict"), [(29, 1, "warning"), (31, 1, "ok"), (1, 11, "ok")])
def test_an_authority_that_ends_soon_is_warned_of_unless_it_is_one_of_many(days: int, count: int, verdict: str) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    bundle = CaBundle("/ca.pem", "", (now + timedelta(days=days),) * count)
    proxy = Answer("proxy", CheckVerdict.OK, "none", facts=(("proxy", False),))
    found = network._describe_bundle(proxy, bundle, now)
    assert (found.verdict, bool(found.advice)) == (verdict, verdict == "warning")
    assert found.facts == (("proxy", False), ("ca_bundle_expires", (now + timedelta(days=days)).isoformat()))


# --- DNS and TCP ----------------------------------------------------------------------------------


def test_a_service_on_this_machine(tmp_path: Path, resources: ExitStack) -> None:
    with AskedService() as service:
        found = ask(tmp_path, resources, service.base_url, HOST, NETWORK)
        assert service.requests == []
    port = service.base_url.split(":")[2].partition("/")[0]
    assert found[1] == "ok dns: 127.0.0.1 is an address: there is nothing to resolve"
    assert found[2].startswith(f"ok tcp: connected to 127.0.0.1, port {port}, in ")
    assert found[3] == "ok tls: plain http, which does not leave this machine"


def test_a_name_without_an_address(tmp_path: Path, resources: ExitStack) -> None:
    found = ask(tmp_path, resources, "https://nowhere.invalid/scim", HOST, NETWORK)
    assert found[1].startswith("failed dns: the host name nowhere.invalid cannot be resolved: ")
    assert found[1].endswith(
        " | Check target.base_url for a typo in the host name, and the DNS servers of this machine."
    )
    assert found[2:] == ["skipped tcp: not asked: dns failed", "skipped tls: not asked: dns failed"]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def look_up(_host: str, port: int, **_options: object) -> list[object]:
        return [(None, None, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_addresses_of_both_kinds_are_shown_and_an_unreachable_one_is_a_warning(
    tmp_path: Path, resources: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AskedService() as service:
        real = socket.create_connection
        resolve_to(monkeypatch, "2001:db8::1", "127.0.0.1", "127.0.0.1")

        def connect(address: tuple[str, int], timeout: float) -> socket.socket:
            monkeypatch.undo()
            if address[0] == "127.0.0.1":
                return real(address, timeout=timeout)
            raise TimeoutError("timed out")

        monkeypatch.setattr(socket, "create_connection", connect)
        url = service.base_url.replace("127.0.0.1", "localhost")
        context = build_check_context(tmp_path, resources, url, environment=ALLOWED)
        ask_all(context, HOST)
        assert context.endpoint is not None
        addresses = network._resolve(context.endpoint, 5)
        assert network._describe_addresses(context.endpoint, addresses).facts == (("ipv4", 1), ("ipv6", 1))
        attempt = network._connect(context.endpoint, addresses)
        attempt.connection.close()
        (found,) = show([network._describe_connection(context.endpoint, attempt)])
    assert found.startswith("warning tcp: connected to 127.0.0.1, port ")
    assert ", but not to 2001:db8::1 | Each connection tries these first and waits" in found


def test_a_resolver_that_never_answers_ends(
    tmp_path: Path, resources: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:

    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: release.wait(20) and [])
    monkeypatch.setattr(network, "_DNS_SECONDS", 0.2)
    began = time.monotonic()
    found = ask(tmp_path, resources, "https://scim.example.com/scim", HOST, NETWORK)
    assert time.monotonic() - began < 5
    release.set()
    assert found[1].startswith("failed dns: the host name scim.example.com was not resolved within ")


def test_a_port_that_nobody_listens_on(tmp_path: Path, resources: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = ask(tmp_path, resources, f"http://127.0.0.1:{port}/scim", HOST, NETWORK)
    assert found[2].startswith("failed tcp: 127.0.0.1 refuses the connection | Check target.base_url and its port;")
    assert found[3] == "skipped tls: not asked: tcp failed"
