from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import httpx
import pytest
from support.certificates import PrivateAuthority, private_authority
from support.servers.proxy import ConnectProxy, refuse
from support.tunnels import HOST, network_of, proxied

from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.network import Network, ProxyServer
from reconciler.scim.proxy_transport import TunnelError, TunnelStep
from reconciler.scim.transport import open_connections

MESSAGES = ConnectionMessages(f"https://{HOST}/scim", service="the service", check="Check target.base_url")
ASK = "Check RECONCILER_PROXY: is it a proxy, spoken to in http? If so, ask its administrators."
NO_TLS = "The proxy opened a tunnel, but the service does not speak TLS in it: ask its administrators."
STATE = "Check the name of the host, and the state of the service and of the proxy."
LATER = "The proxy limits connections or is busy: run this again later, or ask its administrators."
HOST_AND_PORT = "Check RECONCILER_PROXY: is it a proxy that allows CONNECT to this host and port?"
BASIC = "Only Basic authentication is supported."
OPENED = b"HTTP/1.1 200 OK\r\n\r\n"


def explain(network: Network) -> tuple[str, str, bool]:
    request = httpx.Request("GET", f"https://{HOST}/Users", extensions={"timeout": httpx.Timeout(1).as_dict()})
    with contextlib.closing(open_connections(network)) as transport, pytest.raises(TunnelError) as caught:
        transport.handle_request(request)
    error, may_pass = MESSAGES.explain_no_connection(caught.value)
    assert f"{HOST} refuses" not in error.summary
    return error.summary, error.detail, may_pass


def explain_proxy(known: str = "", scheme: str = "http", **proxy: object) -> tuple[str, str, bool]:
    """Return the messages with PROXY for the address of the proxy."""
    with proxied(**proxy) as running:
        summary, detail, may_pass = explain(network_of(running, known, scheme))
        name = f"127.0.0.1:{running.port}"
    return summary.replace(name, "PROXY"), detail.replace(name, "PROXY"), may_pass


def say(*parts: bytes, read: bool = False) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
                if read:
                    connection.recv(65_536)

    return answer


def drown(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(10_000):
            connection.sendall(b"X-A: " + b"a" * 1000 + b"\r\n")


REFUSALS = {
    301: (f"the proxy PROXY redirects (301) instead of opening a connection to {HOST}", f"allow {HOST} without", False),
    400: (f"the proxy PROXY answered 400 and opens no connection to {HOST}", HOST_AND_PORT, False),
    401: (f"the proxy PROXY answered 401 and opens no connection to {HOST}", HOST_AND_PORT, False),
    403: (f"the proxy PROXY forbids connections to {HOST} (403)", "add it to\nRECONCILER_NO_PROXY.", False),
    405: (f"the proxy PROXY answered 405 and opens no connection to {HOST}", HOST_AND_PORT, False),
    408: (f"the proxy PROXY answered 408 and opens no connection to {HOST}", LATER, True),
    429: (f"the proxy PROXY answered 429 and opens no connection to {HOST}", LATER, True),
    501: (f"the proxy PROXY answered 501 and opens no connection to {HOST}", HOST_AND_PORT, False),
    502: (f"the proxy PROXY cannot connect to {HOST} (502)", STATE, True),
    503: (f"the proxy PROXY cannot connect to {HOST} (503)", STATE, True),
    504: (f"the proxy PROXY cannot connect to {HOST} (504)", STATE, True),
    600: (f"the proxy PROXY answered 600 and opens no connection to {HOST}", HOST_AND_PORT, False),
    999: (f"the proxy PROXY answered 999 and opens no connection to {HOST}", HOST_AND_PORT, False),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_names_the_proxy_and_not_its_words(status: int) -> None:
    summary, detail, may_pass = explain_proxy(answer=refuse(status, "Nope\x1b[2J", "Location: https://a.example"))
    expected, next_step, passes = REFUSALS[status]
    assert (summary, may_pass) == (expected, passes)
    assert next_step in detail


def test_a_proxy_that_wants_a_password_is_not_a_service_that_refuses_the_token() -> None:
    assert explain_proxy(answer=refuse(407, "No")) == (
        "the proxy PROXY requires authentication (407)",
        f"Set RECONCILER_PROXY to http://user:password@PROXY, both percent-encoded. {BASIC}",
        False,
    )


def test_a_password_that_the_proxy_does_not_accept_is_not_shown() -> None:
    assert explain_proxy("ada:s3cret", credentials="ada:other") == (
        "the proxy PROXY does not accept the user and password of RECONCILER_PROXY (407)",
        f"Check both, and that special characters in them are percent-encoded. {BASIC}",
        False,
    )


NO_ANSWERS: dict[str, tuple[object, str]] = {
    "closes": (b"", 'gives no valid answer: "Server disconnected without sending a response."'),
    "garbage": (
        b"\x00\x1b[2Jx\r\n\r\n",
        "gives no valid answer: \"illegal status line: bytearray(b'\\\\x00\\\\x1b[2Jx",
    ),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        f"answered 101 (another protocol) and opens no connection to {HOST}",
    ),
    "endless headers": (drown, 'gives no valid answer: "Receive buffer too long"'),
    "silence": (lambda _connection: time.sleep(2), f"took too long to open a connection to {HOST}"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_proxy_without_an_answer_is_asked_again(name: str) -> None:
    answer, why = NO_ANSWERS[name]
    summary, detail, may_pass = explain_proxy(answer=answer)
    assert summary.startswith(f"the proxy PROXY {why}")
    assert "\x1b" not in summary
    assert (detail, may_pass) == (ASK, True)


def test_a_connection_that_the_proxy_resets_is_named() -> None:
    """As by a proxy that expects TLS."""
    summary, detail, may_pass = explain_proxy(certificate=private_authority().serve("127.0.0.1"))
    assert summary.startswith(("the connection to the proxy PROXY broke: ", "the proxy PROXY gives no valid answer: "))
    assert (detail, may_pass) == (ASK, True)


TUNNELS: dict[str, tuple[object, str, bool]] = {
    "plain http": (say(OPENED, b"HTTP/1.1 400 Bad Request\r\n\r\n", read=True), "WRONG_VERSION_NUMBER", False),
    "plain http before it is asked": (say(OPENED, b"HTTP/1.1 200 OK\r\n\r\n{}"), "", False),
    "silence": (lambda connection: (connection.sendall(OPENED), time.sleep(2)), "timed out", True),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_without_tls_at_its_end_is_named(name: str) -> None:
    answer, why, passes = TUNNELS[name]
    summary, detail, may_pass = explain_proxy(answer=answer)
    assert summary.startswith(f"no TLS connection to {HOST} through the proxy PROXY: ")
    assert why in summary
    assert detail == NO_TLS
    if why:
        assert may_pass is passes


def test_certificates_of_the_service_have_the_messages_of_a_direct_connection() -> None:
    summary, detail, may_pass = explain_proxy(intercept=PrivateAuthority("Interceptor"))
    assert summary == (
        "the service's certificate is not accepted: no authority that this machine trusts has signed it "
        "(unable to get local issuer certificate)"
    )
    assert detail == (
        "A private authority can be named in RECONCILER_CA_BUNDLE. If a proxy decrypts TLS on the way, exempt this\n"
        "host from that: with its authority in RECONCILER_CA_BUNDLE the proxy can read the token."
    )
    assert not may_pass
    assert explain_proxy(context=private_authority().serve("other.example.test"))[0].startswith(
        "the service's certificate is not accepted: it belongs to another host"
    )


def test_a_certificate_of_the_proxy_is_not_one_of_the_service() -> None:
    certificate = PrivateAuthority("Other").serve("127.0.0.1")
    assert explain_proxy(scheme="https", certificate=certificate) == (
        "the certificate of the proxy PROXY is not accepted: unable to get local issuer certificate",
        "For a private authority, set RECONCILER_CA_BUNDLE to a file with its certificate.",
        False,
    )


def test_a_proxy_that_is_not_spoken_to_in_tls_is_named() -> None:
    summary, detail, may_pass = explain_proxy(scheme="https")
    assert summary == "no TLS connection to the proxy PROXY: timed out"
    assert detail == (
        "Most proxies are spoken to in plain http: try http:// in RECONCILER_PROXY. TLS to the service is inside of it."
    )
    assert may_pass


def test_a_proxy_that_cannot_be_reached_is_named() -> None:
    with ConnectProxy({}) as proxy:
        network = network_of(proxy)
        name = f"127.0.0.1:{proxy.port}"
    assert explain(network) == (
        f"the proxy {name} refuses the connection",
        "Check host and port in RECONCILER_PROXY; the proxy may be down, or a firewall in between.",
        True,
    )
    summary, detail, may_pass = explain(Network(ProxyServer("http", "proxy.invalid", 8080)))
    assert summary.startswith("the host name of the proxy proxy.invalid:8080 cannot be resolved: ")
    assert detail == "Check RECONCILER_PROXY for a typo in the host name, and the DNS servers of this machine."
    assert may_pass


@pytest.mark.parametrize(
    ("cause", "summary"),
    [
        (httpx.ConnectTimeout("slow"), "cannot connect to the proxy proxy:1: timed out"),
        (
            httpx.ConnectError("[Errno 113] No route\x1b"),
            "cannot connect to the proxy proxy:1: [Errno 113] No route\\u{1b}",
        ),
    ],
)
def test_other_failures_to_connect_are_of_the_proxy(cause: httpx.HTTPError, summary: str) -> None:
    failure = TunnelError(ProxyServer("http", "proxy", 1), TunnelStep.CONNECT, cause)
    error, may_pass = MESSAGES.explain_no_connection(failure)
    assert (error.summary, error.detail) == (summary, "Check RECONCILER_PROXY, the network and its firewall.")
    assert may_pass
