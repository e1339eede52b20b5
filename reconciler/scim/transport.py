"""Transports that limit what may be sent: to which host, whether it may write, and for how long."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import certifi
import httpx

from reconciler import __version__
from reconciler.core.base_url import (
    DEFAULT_PORTS,
    BaseUrlError,
    check_base_url,
    hide_secrets,
    is_loopback,
    suggest_host,
)
from reconciler.core.text import escape_control, shorten
from reconciler.errors import TargetError
from reconciler.scim.network import DIRECT, Network, origin_host
from reconciler.scim.proxy_transport import ProxyTransport, RoutingTransport
from reconciler.scim.read_budget import ReadBudget
from reconciler.scim.traced_transport import TracedTransport


class WriteRefusedError(TargetError):
    """A write was attempted while reading: a defect of Reconciler, stopped before it was sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed SCIM base URL; `port` is explicit."""

    scheme: str
    host: str
    port: int
    base_url: str


def parse_endpoint(
    base_url: str,
    *,
    profile_hosts: Collection[str],
    allowed_hosts: Collection[str],
    setting: str = "target.base_url",
    sent: str = "the token",
) -> Endpoint:
    """Parse and check a base URL. Raises `TargetError` if it is invalid or the token must not be sent to it.

    The hosts of the profile are built in. Any other must be allowed outside of the desired state (`host`, or
    `host:port` for a port other than the default, either with `/path` if the host is shared), because users that can
    edit the desired state must not be able to choose who receives the token. `setting`: where the URL is set, and
    `sent`: what it receives, for messages.
    """
    try:
        scheme, host, port = check_base_url(base_url)
    except BaseUrlError as exc:
        shown = escape_control(shorten(hide_secrets(base_url), 120))
        raise TargetError(f"{setting} {shown} {exc}", exc.hint) from exc
    default_port = DEFAULT_PORTS[scheme]
    where = Endpoint(scheme, host, port, base_url.rstrip("/"))
    if not _is_allowed(where, default_port, profile_hosts, allowed_hosts):
        name = host if where.port == default_port else f"{host}:{where.port}"
        if any(entry.strip().casefold().startswith(f"{name}/") for entry in allowed_hosts):
            name += urlsplit(where.base_url).path
        near = suggest_host(host, profile_hosts)
        if near is not None:  # nothing to copy that would send the token there
            raise TargetError(f"{sent} may not be sent to {name}", f"Did you mean {near}?")
        raise TargetError(
            f"{sent} may not be sent to {name}",
            f"If it is the right service, allow it where the token comes from: RECONCILER_ALLOWED_HOSTS={name}",
        )
    return where


def _is_allowed(
    where: Endpoint, default_port: int, profile_hosts: Collection[str], allowed_hosts: Collection[str]
) -> bool:
    if where.host in profile_hosts and where.scheme == "https" and where.port == default_port:
        return True
    path = urlsplit(where.base_url).path
    return any(_matches(entry.strip(), where, default_port, path) for entry in allowed_hosts)


def _matches(entry: str, where: Endpoint, default_port: int, path: str) -> bool:
    """Whether an allowed `host`, `host:port`, `host/path` or `host:port/path` is this endpoint."""
    name, slash, pinned = entry.partition("/")
    # Ports on this machine are often assigned by the system, so there the host alone is enough.
    by_name = name.casefold() == where.host and (where.port == default_port or is_loopback(where.host))
    named = by_name or name.casefold() == f"{where.host}:{where.port}"
    # The path must be identical, so `..` and %2e need no interpretation.
    return named and (not slash or path == f"/{pinned}".rstrip("/"))


class PinnedTransport(httpx.BaseTransport):
    """Lets requests to one host through, whatever the layers above ask for."""

    def __init__(self, inner: httpx.BaseTransport, where: Endpoint) -> None:
        self._inner = inner
        self._where = where

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        host = origin_host(url.raw_host)
        port = url.port or DEFAULT_PORTS.get(url.scheme)
        if (url.scheme, host, port) != (self._where.scheme, self._where.host, self._where.port):
            raise TargetError(
                f"a request to {escape_control(host)} was not sent: this client may reach one origin only"
            )
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


class ReadOnlyTransport(httpx.BaseTransport):
    """Refuses every method but GET: planning cannot write.

    `reading_posts`: paths of an API that reads by POST, whole and without a query.
    """

    def __init__(self, inner: httpx.BaseTransport, reading_posts: Collection[str] = ()) -> None:
        self._inner = inner
        self._reading_posts = frozenset(path.encode() for path in reading_posts)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reads = request.method == "POST" and request.url.raw_path in self._reading_posts
        if request.method != "GET" and not reads:
            raise WriteRefusedError(f"a read tried to send {request.method}", "This is a defect: please report it.")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


class BudgetTransport(httpx.BaseTransport):
    """Sends requests as long as the budget lasts: the outermost transport of a client that reads all users."""

    def __init__(self, inner: httpx.BaseTransport, budget: ReadBudget) -> None:
        self._inner = inner
        self._budget = budget

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._budget.check_time()
        response = self._inner.handle_request(request)
        self._budget.record_bytes(len(response.content))
        return response

    def close(self) -> None:
        self._inner.close()


class TransportPerThread(httpx.BaseTransport):
    """One transport, and so one connection, for each thread: threads that share a pool wait for its lock."""

    def __init__(self, make: Callable[[], httpx.BaseTransport]) -> None:
        self._make = make
        self._own = threading.local()
        self._all: list[httpx.BaseTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        inner: httpx.BaseTransport | None = getattr(self._own, "transport", None)
        if inner is None:
            inner = self._own.transport = self._make()
            self._all.append(inner)
        return inner.handle_request(request)

    def close(self) -> None:
        for transport in self._all:
            transport.close()


USER_AGENT = f"reconciler/{__version__}"


def open_connections(network: Network = DIRECT) -> httpx.BaseTransport:
    """Return the transport below all others: verified TLS, one connection for each thread, nothing from variables.

    With a proxy it raises `TunnelError`, a `httpx.ConnectError`, for what fails at the proxy.
    """
    certificates = load_certificate_authorities(network)
    one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    direct = TransportPerThread(lambda: httpx.HTTPTransport(verify=certificates, limits=one, trust_env=False))
    proxy = network.proxy
    if proxy is None:
        return TracedTransport(RoutingTransport(network, direct, None))
    tunnels = TransportPerThread(lambda: ProxyTransport(proxy, certificates, one))
    return TracedTransport(RoutingTransport(network, direct, tunnels))


def load_certificate_authorities(network: Network = DIRECT) -> ssl.SSLContext:
    """Load the authorities that a service's certificate is checked against: the public ones and those of the bundle."""
    return trust(network.ca_bundle.pem if network.ca_bundle is not None else "")


@cache
def trust(pem: str) -> ssl.SSLContext:
    """Trust the public authorities and those in `pem`, which may be empty. Loads them once: it takes 30 ms.

    Not by `ssl.create_default_context`, which honors SSLKEYLOGFILE: the keys of a connection decrypt the token. Each
    setting is explicit, because OpenSSL's configuration file can change the defaults.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if sys.version_info >= (3, 13):  # as Python does by default since then
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(certifi.where())
    if pem:
        context.load_verify_locations(cadata=pem)
    return context
