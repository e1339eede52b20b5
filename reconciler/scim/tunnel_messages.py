"""Messages for proxies that open no tunnel. They always name the proxy: its refusal is not one of the service."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus

import httpx

from reconciler.core.text import escape_control, quote, shorten
from reconciler.errors import TargetError
from reconciler.scim.proxy_transport import TunnelError, TunnelStep

_SET = "RECONCILER_PROXY"
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_LATER = "The proxy limits connections or is busy: run this again later, or ask its administrators."
_NO_STATUS = 600
"""From this one on, numbers are no statuses of HTTP (RFC 9110 §15)."""
_SWITCHES = "_SWITCH_UPGRADE"
"""In the words of the HTTP library for an answer with 101."""
_TELLING = (socket.gaierror, ssl.SSLError, ConnectionRefusedError)


def explain_tunnel(exc: TunnelError, host: str, causes: Sequence[BaseException]) -> tuple[TargetError, bool]:
    """Return why the proxy opens no tunnel to `host`, and whether that may pass. `causes`: `exc` and those below it.

    A certificate of the service that is not accepted has a message of its own.
    """
    cause = next((each for each in causes if isinstance(each, _TELLING)), causes[-1])
    if exc.status is not None:
        return _explain_refusal(exc, host, exc.status)
    match exc.step:
        case TunnelStep.CONNECT:
            return _explain_no_connection(exc, cause), True
        case TunnelStep.PROXY_TLS:
            return _explain_proxy_tls(exc, cause), not isinstance(cause, ssl.SSLError)
        case TunnelStep.ASK:
            return _explain_no_answer(exc, host), True
        case TunnelStep.SERVICE_TLS:
            summary = f"no TLS connection to {host} through the proxy {exc.proxy.name}: {_describe(exc, cause)}"
            next_step = "The proxy opened a tunnel, but the service does not speak TLS in it: ask its administrators."
            return TargetError(summary, next_step), not isinstance(cause, ssl.SSLError)


def _explain_refusal(exc: TunnelError, host: str, status: int) -> tuple[TargetError, bool]:
    name = exc.proxy.name
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return _explain_authentication(exc), False
    if status < HTTPStatus.BAD_REQUEST:
        summary = f"the proxy {name} redirects ({status}) instead of opening a connection to {host}"
        return TargetError(summary, f"Ask its administrators to allow {host} without a sign-in."), False
    if status == HTTPStatus.FORBIDDEN:
        next_step = (
            f"Ask its administrators to allow {host}. If this machine reaches it without the proxy: add it to\n"
            "RECONCILER_NO_PROXY."
        )
        return TargetError(f"the proxy {name} forbids connections to {host} (403)", next_step), False
    refused = f"the proxy {name} answered {status} and opens no connection to {host}"
    if status in _BUSY:
        return TargetError(refused, _LATER), True
    if HTTPStatus.INTERNAL_SERVER_ERROR <= status < _NO_STATUS and status != HTTPStatus.NOT_IMPLEMENTED:
        next_step = "Check the name of the host, and the state of the service and of the proxy."
        return TargetError(f"the proxy {name} cannot connect to {host} ({status})", next_step), True
    return TargetError(refused, f"Check {_SET}: is it a proxy that allows CONNECT to this host and port?"), False


def _explain_authentication(exc: TunnelError) -> TargetError:
    basic = "Only Basic authentication is supported."
    if exc.proxy.user is None:
        return TargetError(
            f"the proxy {exc.proxy.name} requires authentication (407)",
            f"Set {_SET} to http://user:password@{exc.proxy.name}, both percent-encoded. {basic}",
        )
    return TargetError(
        f"the proxy {exc.proxy.name} does not accept the user and password of {_SET} (407)",
        f"Check both, and that special characters in them are percent-encoded. {basic}",
    )


def _explain_no_connection(exc: TunnelError, cause: BaseException) -> TargetError:
    name = exc.proxy.name
    if isinstance(cause, socket.gaierror):
        next_step = f"Check {_SET} for a typo in the host name, and the DNS servers of this machine."
        return TargetError(f"the host name of the proxy {name} cannot be resolved: {_describe(exc, cause)}", next_step)
    if isinstance(cause, ConnectionRefusedError):
        next_step = f"Check host and port in {_SET}; the proxy may be down, or a firewall in between."
        return TargetError(f"the proxy {name} refuses the connection", next_step)
    summary = f"cannot connect to the proxy {name}: {_describe(exc, cause)}"
    return TargetError(summary, f"Check {_SET}, the network and its firewall.")


def _explain_proxy_tls(exc: TunnelError, cause: BaseException) -> TargetError:
    name = exc.proxy.name
    if isinstance(cause, ssl.SSLCertVerificationError):
        summary = f"the certificate of the proxy {name} is not accepted: {_shorten(cause.verify_message)}"
        return TargetError(summary, "For a private authority, set RECONCILER_CA_BUNDLE to a file with its certificate.")
    next_step = f"Most proxies are spoken to in plain http: try http:// in {_SET}. TLS to the service is inside of it."
    return TargetError(f"no TLS connection to the proxy {name}: {_describe(exc, cause)}", next_step)


def _explain_no_answer(exc: TunnelError, host: str) -> TargetError:
    if isinstance(exc.__cause__, httpx.TimeoutException):
        summary = f"the proxy {exc.proxy.name} took too long to open a connection to {host}"
    elif _SWITCHES in str(exc):
        summary = f"the proxy {exc.proxy.name} answered 101 (another protocol) and opens no connection to {host}"
    elif isinstance(exc.__cause__, httpx.RemoteProtocolError):
        summary = f"the proxy {exc.proxy.name} gives no valid answer: {quote(shorten(str(exc), 160))}"
    else:
        summary = f"the connection to the proxy {exc.proxy.name} broke: {_shorten(str(exc))}"
    next_step = f"Check {_SET}: is it a proxy, spoken to in {exc.proxy.scheme}? If so, ask its administrators."
    return TargetError(summary, next_step)


def _describe(exc: TunnelError, cause: BaseException) -> str:
    return "timed out" if isinstance(exc.__cause__, httpx.TimeoutException) else _shorten(str(cause) or str(exc))


def _shorten(text: str) -> str:
    return escape_control(shorten(text, 160))
