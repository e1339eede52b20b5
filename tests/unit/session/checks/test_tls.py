from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from support.certificates import PrivateAuthority, private_authority
from support.checks import TOKEN, AskedService, ask_all, build_check_context, show
from support.servers.proxy import ConnectProxy, refuse
from support.servers.tls_front import TlsFront

from reconciler.core.check import CheckVerdict
from reconciler.scim.transport import trust
from reconciler.session.checks import tls
from reconciler.session.checks.context import CheckContext, CheckGroup
from reconciler.session.checks.network import ask_host, ask_network, ask_proxy
from reconciler.session.checks.tls import describe_certificate

HOST = "scim.example.com"
APPLE = "federation.apple.com"
BEFORE = (CheckGroup(ask_host, ("host",)), CheckGroup(ask_proxy, ("proxy",)))
NETWORK = CheckGroup(ask_network, ("dns", "tcp", "tls"))
Serve = Callable[[ssl.SSLContext], TlsFront]


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def service(resources: ExitStack) -> AskedService:
    return resources.enter_context(AskedService())


@pytest.fixture
def serve(resources: ExitStack, service: AskedService) -> Serve:
    """Start a TLS port in front of the service."""

    def start(context: ssl.SSLContext) -> TlsFront:
        front = TlsFront(context, int(service.base_url.split(":")[2].partition("/")[0])).start()
        resources.callback(front.close)
        return front

    return start


def ask(context: CheckContext) -> list[str]:
    """The answers to dns, tcp and tls."""
    return list(show(ask_all(context, *BEFORE, NETWORK)))[2:]


def at(front: TlsFront, root: Path, resources: ExitStack, **environment: str) -> CheckContext:
    """The context for the service on 127.0.0.1, without a proxy."""
    variables = {"RECONCILER_ALLOWED_HOSTS": "127.0.0.1", "RECONCILER_TOKEN": TOKEN, **environment}
    return build_check_context(root, resources, f"https://127.0.0.1:{front.port}/scim", variables)


# --- directly -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "text"),
    [
        ("serve", "failed tls: the service's certificate is not accepted: no authority that this machine trusts has"),
        ("serve_expired", "failed tls: the service's certificate is not accepted: it has expired ("),
        ("serve_early", "failed tls: the service's certificate is not accepted: it is not valid yet ("),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused_and_nothing_is_sent(
    tmp_path: Path, resources: ExitStack, serve: Serve, certificate: str, text: str
) -> None:
    front = serve(getattr(private_authority(), certificate)("127.0.0.1"))
    bundle = {} if certificate == "serve" else {"RECONCILER_CA_BUNDLE": str(private_authority().write(tmp_path))}
    assert ask(at(front, tmp_path, resources, **bundle))[2].startswith(text)
    assert front.heard == b""


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, resources: ExitStack, serve: Serve) -> None:
    front = serve(private_authority().serve("other.example.com"))
    bundle = str(private_authority().write(tmp_path))
    text = ask(at(front, tmp_path, resources, RECONCILER_CA_BUNDLE=bundle))[2]
    assert text.startswith("failed tls: the service's certificate is not accepted: it belongs to another host (")


def test_a_private_authority_is_said(tmp_path: Path, resources: ExitStack, serve: Serve) -> None:
    front = serve(private_authority().serve("127.0.0.1", life=timedelta(days=90)))
    bundle = str(private_authority().write(tmp_path))
    text = ask(at(front, tmp_path, resources, RECONCILER_CA_BUNDLE=bundle))[2]
    assert text.startswith('ok tls: TLS 1.3; certificate of "127.0.0.1" by "Example Corp", valid until 20')
    assert text.endswith("; trusted because of RECONCILER_CA_BUNDLE")
    assert TOKEN.encode() not in front.heard


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path, resources: ExitStack, serve: Serve) -> None:
    front = serve(private_authority().serve("127.0.0.1", life=timedelta(days=10)))
    bundle = str(private_authority().write(tmp_path))
    text = ask(at(front, tmp_path, resources, RECONCILER_CA_BUNDLE=bundle))[2]
    assert text.startswith('warning tls: TLS 1.3; certificate of "127.0.0.1" by "Example Corp" expires in 8 days (')
    assert text.endswith(" nothing can be read or applied then: ask who runs the service.")


def test_a_public_certificate_is_not_said_to_rest_on_the_bundle(
    tmp_path: Path, resources: ExitStack, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = serve(private_authority().serve("127.0.0.1", life=timedelta(days=90)))
    public, other = private_authority().write(tmp_path), PrivateAuthority("Other Corp").write(tmp_path, "other.pem")
    monkeypatch.setattr(certifi, "where", lambda: str(public))
    resources.callback(trust.cache_clear)
    trust.cache_clear()
    text = ask(at(front, tmp_path, resources, RECONCILER_CA_BUNDLE=str(other)))[2]
    assert text.startswith("ok tls: ")
    assert "RECONCILER_CA_BUNDLE" not in text


def test_a_port_without_tls(tmp_path: Path, resources: ExitStack, service: AskedService) -> None:
    url = service.base_url.replace("http:", "https:")
    text = ask(build_check_context(tmp_path, resources, url))[2]
    assert text.startswith("failed tls: no TLS connection to 127.0.0.1: ")
    assert text.endswith(" does the service speak https on this port? A proxy may cut TLS off, too.")


def test_a_server_that_never_finishes_the_handshake_ends(
    tmp_path: Path, resources: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_TLS_SECONDS", 0.2)
    server = resources.enter_context(socket.create_server(("127.0.0.1", 0)))
    text = ask(build_check_context(tmp_path, resources, f"https://127.0.0.1:{server.getsockname()[1]}/scim"))[2]
    assert text.startswith("failed tls: ")
    assert "timed out" in text


# --- through a proxy ------------------------------------------------------------------------------


def behind(proxy: ConnectProxy, root: Path, resources: ExitStack, host: str = HOST) -> CheckContext:
    """The context for a service that only the proxy reaches; the private authority is trusted."""
    resources.callback(proxy.close)
    variables = {
        "RECONCILER_ALLOWED_HOSTS": host,
        "RECONCILER_TOKEN": TOKEN,
        "RECONCILER_PROXY": proxy.url,
        "RECONCILER_CA_BUNDLE": str(private_authority().write(root)),
    }
    profile = "apple-business-manager" if host == APPLE else "scim"
    return build_check_context(root, resources, f"https://{host}/scim", variables, profile=profile)


def test_through_a_proxy_the_certificate_is_that_of_the_service(
    tmp_path: Path, resources: ExitStack, serve: Serve, service: AskedService
) -> None:
    front = serve(private_authority().serve(HOST, life=timedelta(days=90)))
    found = ask(behind(ConnectProxy({f"{HOST}:443": front.port}).start(), tmp_path, resources))
    assert found[0] == "ok dns: left to the proxy"
    assert found[1].startswith(f"ok tcp: the proxy opened a tunnel to {HOST}, port 443; a request took ")
    assert found[2].startswith(f'ok tls: TLS 1.3; certificate of "{HOST}" by "Example Corp", valid until 20')
    assert set(service.methods) == {"GET"}
    assert TOKEN.encode() not in front.heard


def test_a_proxy_that_opens_no_tunnel_is_named(tmp_path: Path, resources: ExitStack) -> None:
    proxy = ConnectProxy({}, answer=refuse(407, "Proxy Authentication Required")).start()
    found = ask(behind(proxy, tmp_path, resources))
    assert found[1].startswith(f"failed tcp: the proxy 127.0.0.1:{proxy.port} requires authentication (407) | ")
    assert found[2] == "skipped tls: not asked: tcp failed"


def test_a_certificate_in_the_tunnel_that_proves_nothing_is_a_question_of_tls(
    tmp_path: Path, resources: ExitStack, serve: Serve
) -> None:
    front = serve(private_authority().serve("other.example.com"))
    found = ask(behind(ConnectProxy({f"{HOST}:443": front.port}).start(), tmp_path, resources))
    assert found[1] == f"ok tcp: the proxy opened a tunnel to {HOST}, port 443"
    assert found[2].startswith("failed tls: the service's certificate is not accepted: it belongs to another host (")


def test_a_proxy_that_decrypts_the_connection_to_apple_is_a_warning(
    tmp_path: Path, resources: ExitStack, serve: Serve
) -> None:
    front = serve(private_authority().serve(APPLE))
    proxy = ConnectProxy({f"{APPLE}:443": front.port}, intercept=private_authority()).start()
    text = ask(behind(proxy, tmp_path, resources, APPLE))[2]
    assert text.startswith(f'warning tls: TLS 1.3; certificate of "{APPLE}" by "Example Corp"')
    assert text.endswith(" a public certificate: a proxy decrypts the connection, and can read the token.")
    assert TOKEN.encode() not in proxy.decrypted


# --- the certificate ------------------------------------------------------------------------------


def test_names_of_a_certificate_are_shortened_and_escaped() -> None:
    certificate = {
        "subject": ((("commonName", "a\x1b[2J\n" + "x" * 500),),),
        "issuer": ((("organizationName", "Authority"),),),
        "notAfter": "Jan  1 00:00:00 2027 GMT",
    }
    answer = describe_certificate("TLSv1.2", certificate, datetime(2026, 6, 1, tzinfo=UTC))
    assert answer.verdict is CheckVerdict.OK
    assert answer.summary.startswith('TLS 1.2; certificate of "a\\u{1b}[2J\\nxxx')
    assert answer.summary.endswith(' by "Authority", valid until 2027-01-01')
    assert len(answer.summary) < 200


@pytest.mark.parametrize(("day", "verdict"), [(17, "ok"), (19, "warning"), (31, "warning")])
def test_fourteen_days_before_its_end_a_certificate_is_warned_of(day: int, verdict: str) -> None:
    certificate = {"notAfter": "Jan  1 00:00:00 2027 GMT"}
    assert describe_certificate("TLSv1.3", certificate, datetime(2026, 12, day, tzinfo=UTC)).verdict == verdict
