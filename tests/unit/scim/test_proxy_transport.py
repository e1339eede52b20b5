from __future__ import annotations

import httpx
import pytest

from reconciler.errors import TargetError
from reconciler.scim.network import DIRECT, Network, ProxyServer
from reconciler.scim.proxy_transport import ProxyTransport, RoutingTransport
from reconciler.scim.transport import load_certificate_authorities

PROXY = ProxyServer("http", "127.0.0.1", 1)
LIMITS = httpx.Limits(max_connections=1)


def test_nothing_is_sent_through_the_proxy_in_plain() -> None:
    transport = ProxyTransport(PROXY, load_certificate_authorities(DIRECT), LIMITS)
    with pytest.raises(
        TargetError, match=r"^a request to a\.example was not sent: it would pass the proxy unencrypted$"
    ):
        transport.handle_request(httpx.Request("GET", "http://a.example/Users"))
    transport.close()


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
