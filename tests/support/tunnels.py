"""A service behind TLS of a private authority, reached through a proxy by a name that only the proxy resolves."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from reconciler.scim.network import CaBundle, Network, ProxyServer
from reconciler.scim.secret import Secret
from support.certificates import private_authority
from support.servers.http_server import HttpServer, Reply
from support.servers.proxy import ConnectProxy
from support.servers.tls_front import TlsFront

HOST = "scim.example.test"
TARGET = f"{HOST}:443"
AUTHORITIES = CaBundle("authority.pem", private_authority().pem)


@contextmanager
def proxied(context: ssl.SSLContext | None = None, behind: int | None = None, **proxy: Any) -> Iterator[ConnectProxy]:
    """Run a service at `HOST` with the TLS of `context`, and a proxy to it. `behind`: a port; None: it says hello."""
    with ExitStack() as stack:
        if behind is None:
            service = HttpServer(lambda _request: Reply(status=200, body=b"hello"))
            stack.callback(service.close)
            behind = service.server_address[1]
        front = stack.enter_context(TlsFront(context or private_authority().serve(HOST), behind))
        yield stack.enter_context(ConnectProxy({TARGET: front.port}, **proxy))


def network_of(proxy: ConnectProxy, credentials: str = "", scheme: str = "http") -> Network:
    """Return the network that uses a proxy, with `user:password`, and trusts the private authority."""
    user, _, password = credentials.partition(":")
    secrets = (Secret(user), Secret(password)) if credentials else (None, None)
    return Network(ProxyServer(scheme, "127.0.0.1", proxy.port, *secrets), AUTHORITIES)
