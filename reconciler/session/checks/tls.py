"""Does the service prove who it is, directly or through the tunnel of a proxy? No token is sent."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import pluralize, quote, shorten
from reconciler.errors import TargetError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import Deadline, DeadlineExceededError
from reconciler.scim.network import Network
from reconciler.scim.proxy_transport import TunnelError, TunnelStep
from reconciler.scim.transport import (
    USER_AGENT,
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    load_certificate_authorities,
    open_connections,
)
from reconciler.session.network import CA_BUNDLE

_TLS_SECONDS = 10.0
_CERTIFICATE_DAYS = timedelta(days=14)
"""A certificate that ends sooner is warned of: services renew theirs earlier."""
_LONGEST_NAME = 80
_DECRYPTED = "This host has a public certificate: a proxy decrypts the connection, and can read the token."


def ask_tls(where: Endpoint, connection: socket.socket, network: Network, *, known: bool) -> Answer:
    """Ask on an open connection. Raises `TargetError` if the certificate is not accepted.

    `known`: whether the host is built in; a public authority identifies those.
    """
    if where.scheme == "http":
        return Answer("tls", CheckVerdict.OK, "plain http, which does not leave this machine")
    connection.settimeout(_TLS_SECONDS)
    try:
        with load_certificate_authorities(network).wrap_socket(connection, server_hostname=where.host) as opened:
            found = _describe_certificate(opened)
    except OSError as exc:
        raise explain_failure(where, exc) from exc
    return _name_authority(found, where, network, known=known)


def ask_through_proxy(where: Endpoint, network: Network, *, known: bool) -> Iterator[Answer]:
    """Ask in a tunnel of the proxy, by a request without a token; what the service answers to it does not matter."""
    yield Answer("dns", CheckVerdict.OK, "left to the proxy")
    began = time.perf_counter()
    try:
        certificate = look(where, network)
    except TunnelError as exc:
        error = explain_failure(where, exc)
        if exc.step is TunnelStep.SERVICE_TLS:
            yield Answer("tcp", CheckVerdict.OK, f"the proxy opened a tunnel to {where.host}, port {where.port}")
        raise error from exc
    except (httpx.HTTPError, DeadlineExceededError) as exc:
        raise TargetError(f"no answer of {where.host} came through the proxy", "Ask its administrators.") from exc
    milliseconds = round((time.perf_counter() - began) * 1000)
    summary = f"the proxy opened a tunnel to {where.host}, port {where.port}; a request took {milliseconds:,} ms"
    yield Answer("tcp", CheckVerdict.OK, summary, facts=(("port", where.port), ("milliseconds", milliseconds)))
    yield _name_authority(certificate, where, network, known=known)


def look(where: Endpoint, network: Network) -> Answer:
    """Look at the certificate by a request of the HTTP library. Raises `httpx.HTTPError`, `DeadlineExceededError`."""
    transport = ReadOnlyTransport(PinnedTransport(open_connections(network), where))
    deadline = Deadline()
    request = httpx.Request("GET", where.base_url, headers={"User-Agent": USER_AGENT})
    request.extensions |= {"timeout": httpx.Timeout(_TLS_SECONDS).as_dict(), "trace": deadline.trace}
    try:
        with deadline.limit(_TLS_SECONDS):
            response = transport.handle_request(request)
            opened = response.extensions["network_stream"].get_extra_info("ssl_object")
            found = _describe_certificate(opened)
            response.close()
            return found
    finally:
        deadline.close()
        transport.close()


def _name_authority(answer: Answer, where: Endpoint, network: Network, *, known: bool) -> Answer:
    """Say that a private authority identifies the service, if the certificate is accepted because of it only."""
    if network.ca_bundle is None or _is_public(where, network):
        return answer
    summary = f"{answer.summary}; trusted because of {CA_BUNDLE}"
    if not known:
        return replace(answer, summary=summary)
    return replace(answer, verdict=CheckVerdict.WARNING, summary=summary, advice=(*answer.advice, _DECRYPTED))


def _is_public(where: Endpoint, network: Network) -> bool:
    """Whether the service is trusted without the private authorities, as far as it can be asked again."""
    try:
        look(where, replace(network, ca_bundle=None))
    except httpx.ConnectError:
        return False
    except (httpx.HTTPError, DeadlineExceededError):
        return True
    return True


def explain_failure(where: Endpoint, exc: Exception) -> TargetError:
    """Explain that there is no connection, in the words of a plan."""
    messages = ConnectionMessages(where.base_url, service="the service", check="Check target.base_url")
    return messages.explain_no_connection(exc)[0]


def _describe_certificate(opened: ssl.SSLSocket | ssl.SSLObject) -> Answer:
    """Describe a certificate that was verified: its names and dates are those of an authority."""
    version, certificate = opened.version() or "TLS", opened.getpeercert() or {}
    return describe_certificate(version, certificate, datetime.now(UTC))


def describe_certificate(version: str, certificate: Any, now: datetime) -> Answer:
    """Describe a verified certificate, in the form of `SSLSocket.getpeercert`."""
    subject = _find_name(certificate.get("subject"), certificate.get("subjectAltName"))
    issuer = _find_name(certificate.get("issuer"))
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    left = ends - now
    facts = (("version", version), ("subject", subject), ("issuer", issuer), ("expires", ends.isoformat()))
    who = f"{version.replace('v', ' ')}; certificate of {quote(subject)} by {quote(issuer)}"
    if left < _CERTIFICATE_DAYS:
        when = f"in {pluralize(left.days, 'day')}" if left.days > 0 else "within a day"
        advice = ("Without a new certificate nothing can be read or applied then: ask who runs the service.",)
        return Answer("tls", CheckVerdict.WARNING, f"{who} expires {when} ({ends:%Y-%m-%d})", advice, facts)
    return Answer("tls", CheckVerdict.OK, f"{who}, valid until {ends:%Y-%m-%d}", facts=facts)


def _find_name(parts: Any, alternatives: Any = None) -> str:
    """Return the common name of a subject or issuer, an alternative name, or its organisation."""
    names = {key: value for group in parts or () for key, value in group}
    other = alternatives[0][1] if alternatives else None
    found = names.get("commonName") or other or names.get("organizationName") or "unnamed"
    return shorten(str(found), _LONGEST_NAME)
