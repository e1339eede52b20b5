"""A transport that reaches services through the tunnels of a proxy (CONNECT, RFC 9110 §9.3.6).

The request with its token is only ever sent inside of TLS to the service, in a tunnel: the proxy sees the service's
host and port. Whatever fails before the tunnel is open is a `TunnelError`, so the proxy's answers are never taken for
the service's.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

import httpx

from reconciler import __version__
from reconciler.core.base_url import is_loopback
from reconciler.errors import TargetError
from reconciler.scim.network import Network, ProxyServer, origin_host


class TunnelStep(Enum):
    """The steps of opening a tunnel, in order."""

    CONNECT = auto()
    PROXY_TLS = auto()
    ASK = auto()
    SERVICE_TLS = auto()


class TunnelError(httpx.ConnectError):
    """A proxy opens no tunnel: nothing was sent to the service. `status`: the proxy's refusal, None without one.

    Its cause is the error of the HTTP library.
    """

    def __init__(self, proxy: ProxyServer, step: TunnelStep, cause: httpx.HTTPError) -> None:
        super().__init__(str(cause))
        self.proxy = proxy
        self.step = step
        self.status = _parse_status(cause)
        self.__cause__ = cause


def _parse_status(cause: httpx.HTTPError) -> int | None:
    """Return the status of a proxy's refusal: httpcore raises `ProxyError` with the status line for it."""
    status = str(cause)[:3]
    return int(status) if isinstance(cause, httpx.ProxyError) and status.isascii() and status.isdigit() else None


_STEPS = {
    "connection.connect_tcp.started": TunnelStep.CONNECT,
    "connection.start_tls.started": TunnelStep.PROXY_TLS,
    "proxy.start_tls.started": TunnelStep.SERVICE_TLS,
    "proxy.start_tls.complete": None,
}


class _Progress:
    """The step of a request that opens a tunnel; None if the tunnel is open. For `request.extensions["trace"]`."""

    def __init__(self, outer: Callable[[str, Mapping[str, Any]], None] | None) -> None:
        self.step: TunnelStep | None = None
        self._outer = outer

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note an event of httpcore."""
        self.step = _STEPS.get(event, self.step)
        if event == "http11.send_request_headers.started" and self.step is not None:
            self.step = TunnelStep.ASK
        if self._outer is not None:
            self._outer(event, info)


class ProxyTransport(httpx.BaseTransport):
    """Sends requests through one tunnel of `proxy`. Raises `TunnelError` if there is none."""

    def __init__(self, proxy: ProxyServer, certificates: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._proxy = proxy
        self._certificates = certificates
        self._limits = limits
        self._inner: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = origin_host(request.url.raw_host)
        if request.url.scheme != "https":
            raise TargetError(f"a request to {host} was not sent: it would pass the proxy unencrypted")
        if ":" in host:
            # httpcore asks for `::1:443` in place of `[::1]:443`, which is another address.
            next_step = "Use its name, or add the address to RECONCILER_NO_PROXY."
            raise TargetError(f"the IPv6 address {host} cannot be reached through the proxy", next_step)
        if self._inner is None:
            self._inner = self._open()
        progress = _Progress(request.extensions.get("trace"))
        request.extensions["trace"] = progress.trace
        try:
            return self._inner.handle_request(request)
        except httpx.HTTPError as exc:
            if progress.step is None:
                raise
            # httpcore keeps a connection whose tunnel failed, and would wait for it the next time.
            self.close()
            raise TunnelError(self._proxy, progress.step, exc) from exc

    def _open(self) -> httpx.HTTPTransport:
        proxy = self._proxy
        host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
        user, password = (each.reveal() if each is not None else "" for each in (proxy.user, proxy.password))
        server = httpx.Proxy(
            f"{proxy.scheme}://{host}:{proxy.port}",
            ssl_context=self._certificates if proxy.scheme == "https" else None,
            auth=(user, password) if proxy.user is not None else None,
            headers={"User-Agent": f"reconciler/{__version__}"},
        )
        return httpx.HTTPTransport(verify=self._certificates, limits=self._limits, trust_env=False, proxy=server)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
            self._inner = None


class RoutingTransport(httpx.BaseTransport):
    """Sends requests through the proxy, and those to hosts that are exempt from it directly.

    A failed direct connection gets a note if the environment names a proxy that is not used.
    """

    def __init__(
        self, network: Network, direct: httpx.BaseTransport, through_proxy: httpx.BaseTransport | None
    ) -> None:
        self._network = network
        self._direct = direct
        self._through_proxy = through_proxy

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = origin_host(request.url.raw_host)
        if self._through_proxy is not None and self._network.find_proxy(host) is not None:
            return self._through_proxy.handle_request(request)
        try:
            return self._direct.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            if self._network.proxy is None and self._network.ignored and not is_loopback(host):
                name = self._network.ignored[0]
                exc.add_note(f"{name} is set, but not used: to connect through a proxy, set RECONCILER_PROXY.")
            raise

    def close(self) -> None:
        self._direct.close()
        if self._through_proxy is not None:
            self._through_proxy.close()
