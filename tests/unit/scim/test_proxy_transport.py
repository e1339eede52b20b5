from __future__ import annotations

import base64
import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from support.certificates import PrivateAuthority, private_authority
from support.servers.http_server import HttpServer, Reply
from support.servers.proxy import ConnectProxy, refuse
from support.tunnels import HOST, TARGET, network_of, proxied

from reconciler.errors import TargetError
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.network import DIRECT, CaBundle, Network, ProxyServer
from reconciler.scim.proxy_transport import ProxyTransport, RoutingTransport, TunnelError, TunnelStep
from reconciler.scim.response_limits import SECONDS_LEFT, ResponseLimitTransport
from reconciler.scim.transport import load_certificate_authorities, open_connections

PROXY = ProxyServer("http", "127.0.0.1", 1)
LIMITS = httpx.Limits(max_connections=1)
TOKEN = "tok-3n.J9x_Zq~Vb7"
CREDENTIALS = "ada:s3cret-pass"


def request(url: str = f"https://{HOST}/Users") -> httpx.Request:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Name": "Ada Lovelace"}
    return httpx.Request("GET", url, headers=headers, extensions={"timeout": httpx.Timeout(5).as_dict()})


def connected(proxy: ConnectProxy) -> contextlib.closing[httpx.BaseTransport]:
    return contextlib.closing(open_connections(network_of(proxy)))


def send(proxy: ConnectProxy, credentials: str = "", scheme: str = "http") -> str:
    with contextlib.closing(open_connections(network_of(proxy, credentials, scheme))) as transport:
        return transport.handle_request(request()).read().decode()


def fail(transport: httpx.BaseTransport) -> TunnelError:
    with pytest.raises(TunnelError) as caught:
        transport.handle_request(request())
    return caught.value


# --- what goes over the wire ----------------------------------------------------------


def test_the_proxy_sees_the_host_and_nothing_of_the_request() -> None:
    with proxied() as proxy:
        assert send(proxy) == "hello"
    assert [tunnel.head.decode().split("\r\n") for tunnel in proxy.tunnels] == [
        [
            f"CONNECT {TARGET} HTTP/1.1",
            f"Host: {TARGET}",
            "Accept: */*",
            "User-Agent: reconciler/0.1.0",
            "",
            "",
        ]
    ]
    for secret in (TOKEN, "Bearer", "Users", "Lovelace"):
        assert secret.encode() not in proxy.seen


def test_user_and_password_are_sent_to_the_proxy_alone() -> None:
    heard: list[str | None] = []

    def answer(found: object) -> Reply:
        heard.append(getattr(found, "headers", {}).get("Proxy-Authorization"))
        return Reply(status=200, body=b"hello")

    service = HttpServer(answer)
    with proxied(behind=service.server_address[1], credentials=CREDENTIALS) as proxy:
        assert send(proxy, CREDENTIALS) == "hello"
    service.close()
    basic = base64.b64encode(CREDENTIALS.encode())
    assert [b"Proxy-Authorization: Basic " + basic in tunnel.head for tunnel in proxy.tunnels] == [True]
    assert heard == [None]


def test_requests_of_one_thread_share_a_tunnel_and_threads_have_their_own() -> None:
    with proxied() as proxy, connected(proxy) as transport:
        together = Barrier(2)

        def work() -> list[int]:
            together.wait(5)
            return [len(transport.handle_request(request()).read()) for _ in range(5) if together.wait(5) >= 0]

        with ThreadPoolExecutor(2) as pool:
            assert [done.result() for done in [pool.submit(work), pool.submit(work)]] == [[5] * 5] * 2
        assert len(proxy.tunnels) == 2


def test_a_proxy_can_be_spoken_to_in_tls() -> None:
    with proxied(certificate=private_authority().serve("127.0.0.1"), credentials=CREDENTIALS) as proxy:
        assert send(proxy, CREDENTIALS, "https") == "hello"
    assert TOKEN.encode() not in proxy.seen


def test_nothing_is_sent_through_the_proxy_in_plain() -> None:
    transport = ProxyTransport(PROXY, load_certificate_authorities(DIRECT), LIMITS)
    with pytest.raises(TargetError, match=r"^a request to a\.example was not sent: it would pass the proxy unencrypt"):
        transport.handle_request(request("http://a.example/Users"))
    transport.close()


def test_a_proxy_is_not_asked_for_an_ipv6_address_that_it_would_take_for_another() -> None:
    with ConnectProxy({}) as proxy, connected(proxy) as transport:
        with pytest.raises(TargetError, match=r"^the IPv6 address 2001:db8::1 cannot be reached through the proxy$"):
            transport.handle_request(request("https://[2001:db8::1]/Users"))
        assert proxy.connections == 0


def test_a_proxy_that_drips_its_answer_is_ended_and_named() -> None:
    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(200):
                connection.sendall(b"X")
                time.sleep(0.05)

    slow = request()
    slow.extensions[SECONDS_LEFT] = 1.0
    with (
        proxied(answer=drip) as proxy,
        connected(proxy) as transport,
        pytest.raises(TunnelError) as caught,
    ):
        ResponseLimitTransport(transport).handle_request(slow)
    assert caught.value.step is TunnelStep.ASK
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout), "it is said that the proxy took too long"


# --- tunnels that are not opened ------------------------------------------------------


def test_a_refusal_of_the_proxy_is_not_an_answer_of_the_service() -> None:
    with proxied(credentials=CREDENTIALS) as proxy:
        with contextlib.closing(open_connections(network_of(proxy, "ada:wrong"))) as transport:
            error = fail(transport)
        assert (error.step, error.status, error.proxy.port) == (TunnelStep.ASK, 407, proxy.port)
    assert isinstance(error, httpx.ConnectError), "nothing was sent to the service, so it can be sent again"


def test_after_a_failed_tunnel_the_next_request_opens_another() -> None:
    """httpcore keeps the failed connection, and waits for it in vain."""
    untrusted = PrivateAuthority("Other").serve(HOST)
    with proxied(untrusted) as proxy, connected(proxy) as transport:
        steps = [fail(transport).step for _ in range(3)]
        assert steps == [TunnelStep.SERVICE_TLS] * 3
        assert len(proxy.tunnels) == 3
        proxy.answer = refuse(503, "Busy")
        assert fail(transport).status == 503


def test_a_tunnel_that_the_proxy_has_cut_is_opened_again_before_anything_is_sent() -> None:
    with proxied() as proxy, connected(proxy) as transport:
        assert transport.handle_request(request()).read() == b"hello"
        proxy.cut()
        time.sleep(0.1)
        assert transport.handle_request(request()).read() == b"hello"
        assert len(proxy.tunnels) == 2


def test_a_tunnel_that_opens_after_one_that_failed_is_used() -> None:
    with proxied(answer=refuse(503, "Busy")) as proxy, connected(proxy) as transport:
        assert fail(transport).status == 503
        proxy.answer = None
        assert transport.handle_request(request()).read() == b"hello"


def test_an_error_in_an_open_tunnel_is_not_one_of_the_proxy() -> None:
    service = HttpServer(lambda _request: Reply(status=200, lost=True))
    with proxied(behind=service.server_address[1]) as proxy, pytest.raises(httpx.RemoteProtocolError):
        send(proxy)
    service.close()


def test_a_proxy_that_does_not_answer_is_given_up() -> None:
    slow = request()
    slow.extensions["timeout"] = httpx.Timeout(0.2).as_dict()
    with (
        proxied(answer=lambda _connection: time.sleep(1)) as proxy,
        connected(proxy) as transport,
        pytest.raises(TunnelError) as caught,
    ):
        transport.handle_request(slow)
    assert caught.value.step is TunnelStep.ASK
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout)


def test_an_answer_that_drips_through_a_tunnel_is_ended() -> None:
    service = HttpServer(lambda _request: Reply(status=200, body=b"x" * 1000, drip=0.05))
    slow = request()
    slow.extensions[SECONDS_LEFT] = 1.0
    with proxied(behind=service.server_address[1]) as proxy, connected(proxy) as transport:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            ResponseLimitTransport(transport).handle_request(slow)
        assert time.monotonic() - began < 10
    service.close()


# --- certificates ---------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["expired", "not valid yet", "of another host", "of another authority"])
def test_a_wrong_certificate_behind_a_proxy_is_refused(fault: str) -> None:
    authority = private_authority()
    contexts = {
        "expired": authority.serve_expired(HOST),
        "not valid yet": authority.serve_early(HOST),
        "of another host": authority.serve("127.0.0.1", "proxy.example.test"),
        "of another authority": PrivateAuthority("Other").serve(HOST),
    }
    with proxied(contexts[fault]) as proxy, connected(proxy) as transport:
        assert fail(transport).step is TunnelStep.SERVICE_TLS
    assert TOKEN.encode() not in proxy.seen


def test_a_proxy_that_intercepts_is_refused_unless_its_authority_is_trusted() -> None:
    own = PrivateAuthority("Interceptor")
    with proxied(intercept=own) as proxy:
        with connected(proxy) as transport:
            assert fail(transport).step is TunnelStep.SERVICE_TLS
        assert proxy.decrypted == b""
        trusting = Network(ProxyServer("http", "127.0.0.1", proxy.port), CaBundle("own.pem", own.pem))
        with contextlib.closing(open_connections(trusting)) as transport:
            assert transport.handle_request(request()).read() == b"hello"
        assert TOKEN.encode() in proxy.decrypted, "which is why its authority is only trusted on request"


# --- routes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("https://scim.example.com/Users", "proxy"),
        ("https://internal.example.com/Users", "direct"),
        ("https://[::1]:8443/Users", "direct"),
        ("http://127.0.0.1:1/Users", "direct"),
    ],
)
def test_each_request_takes_the_route_of_its_host(url: str, route: str) -> None:
    routes = [
        httpx.MockTransport(lambda _request, name=name: httpx.Response(200, text=name)) for name in ("direct", "proxy")
    ]
    transport = RoutingTransport(Network(PROXY, direct_hosts=("internal.example.com",)), *routes)
    assert transport.handle_request(httpx.Request("GET", url)).read().decode() == route
    transport.close()


@pytest.fixture
def failing() -> httpx.BaseTransport:
    def raise_error(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    return httpx.MockTransport(raise_error)


@pytest.mark.parametrize(
    ("network", "url", "notes"),
    [
        (
            Network(ignored=("HTTPS_PROXY", "ALL_PROXY")),
            "https://a.example",
            ["HTTPS_PROXY is set, but not used: to connect through a proxy, set RECONCILER_PROXY."],
        ),
        (Network(ignored=("HTTPS_PROXY",)), "https://127.0.0.1", []),
        (Network(PROXY, direct_hosts=("a.example",), ignored=("HTTPS_PROXY",)), "https://a.example", []),
        (DIRECT, "https://a.example", []),
    ],
)
def test_a_failed_direct_connection_notes_a_proxy_that_is_not_used(
    network: Network, url: str, notes: list[str], failing: httpx.BaseTransport
) -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        RoutingTransport(network, failing, None).handle_request(httpx.Request("GET", url))
    assert getattr(caught.value, "__notes__", []) == notes
