"""Questions about the way to the service: its host, DNS, TCP and TLS. No token is sent."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import pluralize
from reconciler.errors import TargetError
from reconciler.scim.ca_bundle import CaBundle
from reconciler.scim.transport import Endpoint, parse_endpoint
from reconciler.session.checks.context import CheckContext
from reconciler.session.checks.tls import ask_through_proxy, ask_tls, explain_failure
from reconciler.session.network import CA_BUNDLE, NO_PROXY, PROXY, read_network
from reconciler.session.sandbox_service import run_sandbox

_DNS_SECONDS, _TCP_SECONDS = 10.0, 5.0
_AUTHORITY_DAYS = timedelta(days=30)
"""An authority of the bundle that ends sooner is warned of."""
_FEW_AUTHORITIES = 10
_MOST_ADDRESSES = 4
"""That are tried, one after another."""


def ask_proxy(context: CheckContext) -> Iterator[Answer]:
    """Ask how connections leave this machine. Raises `ReconcilerError` if the variables for that cannot be used."""
    context.network = network = read_network(context.environment)
    ignored = ", ".join(network.ignored)
    summary = "none" if network.proxy is None else f"{network.proxy.name}, by {PROXY}"
    if network.proxy is not None and network.direct_hosts:
        summary += f", but not for {pluralize(len(network.direct_hosts), 'entry', 'entries')} of {NO_PROXY}"
    if ignored and network.proxy is None:
        summary += f" ({ignored} is set for other programs, and not used)"
    facts = (("proxy", network.proxy is not None), ("ca_bundle", network.ca_bundle is not None))
    if network.ca_bundle is None:
        yield Answer("proxy", CheckVerdict.OK, summary, facts=facts)
    else:
        yield _describe_bundle(Answer("proxy", CheckVerdict.OK, summary, facts=facts), network.ca_bundle, context.now)


def _describe_bundle(proxy: Answer, bundle: CaBundle, now: datetime) -> Answer:
    """Add to the answer about the proxy what is known of the authorities. The one that ends first may matter."""
    first = bundle.ends[0]
    more = pluralize(len(bundle.ends), "authority", "authorities")
    summary = f"{proxy.summary}; {more} of {CA_BUNDLE} trusted, too, until {first:%Y-%m-%d}"
    found = replace(proxy, summary=summary, facts=(*proxy.facts, ("ca_bundle_expires", first.isoformat())))
    # Among those of a whole operating system, one or the other always ends.
    if first - now > _AUTHORITY_DAYS or len(bundle.ends) > _FEW_AUTHORITIES:
        return found
    advice = ("Services that this authority vouches for are refused from then on: get its new certificate.",)
    return replace(found, verdict=CheckVerdict.WARNING, advice=advice)


def ask_host(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the token may be sent to the host of the target; start the sandbox, if it is the target."""
    target, profile = context.target, context.profile
    if target is None or profile is None:  # pragma: no cover - `needs` says so
        return
    if context.workspace.sandbox:
        yield _start_sandbox(context)
        return
    allowed = [name for name in context.environment.get("RECONCILER_ALLOWED_HOSTS", "").split(",") if name.strip()]
    # Raises if it is not allowed.
    where = parse_endpoint(target.base_url, profile_hosts=profile.hosts, allowed_hosts=allowed)
    context.endpoint = where
    built_in = where.host in profile.hosts
    how = f"built in for {profile.title}" if built_in else "allowed by RECONCILER_ALLOWED_HOSTS"
    facts = (("host", where.host), ("port", where.port), ("built_in", built_in))
    yield Answer("host", CheckVerdict.OK, f"the token may be sent to {where.host}: it is {how}", facts=facts)


def _start_sandbox(context: CheckContext) -> Answer:
    if context.offline:
        return Answer("host", CheckVerdict.SKIPPED, "not asked: it needs the network (--offline)")
    if context.state is None:
        return Answer("host", CheckVerdict.SKIPPED, "not asked: the sandbox starts with a valid desired state only")
    names = {name for user in context.state.users for name in user.user_names}
    sandbox = run_sandbox(context.workspace.sandbox_file, context.state.profile, names)
    context.connection, content = context.resources.enter_context(sandbox)
    context.endpoint = context.connection.endpoint
    context.secrets.append(context.connection.tokens.current())
    made = f"; made with {content}" if content else ""
    return Answer("host", CheckVerdict.OK, f"the sandbox runs on this machine{made}")


def ask_network(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the host has an address, accepts connections, and identifies itself."""
    where, profile = context.endpoint, context.profile
    if where is None or profile is None:  # pragma: no cover - `needs` says so
        return
    known = where.host in profile.hosts
    if context.network.find_proxy(where.host) is not None:
        yield from ask_through_proxy(where, context.network, known=known)
        return
    addresses = _resolve(where, min(_DNS_SECONDS, context.budget.seconds_left))
    yield _describe_addresses(where, addresses)
    attempt = _connect(where, addresses)
    with closing(attempt.connection) as connection:
        yield _describe_connection(where, attempt)
        yield ask_tls(where, connection, context.network, known=known)


# --- DNS and TCP ------------------------------------------------------------------


def _resolve(where: Endpoint, seconds: float) -> list[str]:
    """Return the addresses of a host, in the order in which they are tried. Raises `TargetError` without any.

    The resolver of the system has no time limit that could be set, so it works in a thread that may be left behind.
    """
    found: list[str] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(address[0]) for *_, address in answers))
        except OSError as exc:
            failed.append(exc)

    worker = threading.Thread(target=look_up, name="resolver", daemon=True)
    worker.start()
    worker.join(seconds)
    if failed:
        raise explain_failure(where, failed[0]) from failed[0]
    if not found:
        summary = f"the host name {where.host} was not resolved within {seconds:.0f} seconds"
        raise TargetError(summary, "Check the DNS servers of this machine.")
    return found


def _describe_addresses(where: Endpoint, addresses: Sequence[str]) -> Answer:
    six = sum(":" in address for address in addresses)
    facts = (("ipv4", len(addresses) - six), ("ipv6", six))
    if _is_address(where.host):
        return Answer("dns", CheckVerdict.OK, f"{where.host} is an address: there is nothing to resolve", facts=facts)
    more = f" and {len(addresses) - _MOST_ADDRESSES:,} more" if len(addresses) > _MOST_ADDRESSES else ""
    shown = ", ".join(addresses[:_MOST_ADDRESSES])
    return Answer("dns", CheckVerdict.OK, f"{where.host} is {shown}{more}", facts=facts)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class TcpAttempt:
    """A connection, how long it took, and the addresses that did not answer before."""

    connection: socket.socket
    address: str
    seconds: float
    unreachable: tuple[str, ...]


def _connect(where: Endpoint, addresses: Sequence[str]) -> TcpAttempt:
    """Connect to the first address that answers, as every request does. Raises `TargetError` if none does."""
    unreachable: list[str] = []
    error: OSError | None = None
    for address in addresses[:_MOST_ADDRESSES]:
        began = time.perf_counter()
        try:
            connection = socket.create_connection((address, where.port), timeout=_TCP_SECONDS)
        except OSError as exc:
            unreachable.append(address)
            error = error or exc
        else:
            return TcpAttempt(connection, address, time.perf_counter() - began, tuple(unreachable))
    raise explain_failure(where, error or OSError("there is no address")) from error


def _describe_connection(where: Endpoint, attempt: TcpAttempt) -> Answer:
    milliseconds = round(attempt.seconds * 1000)
    facts = (("address", attempt.address), ("port", where.port), ("milliseconds", milliseconds))
    summary = f"connected to {attempt.address}, port {where.port}, in {milliseconds:,} ms"
    if not attempt.unreachable:
        return Answer("tcp", CheckVerdict.OK, summary, facts=facts)
    advice = ("Each connection tries these first and waits: check the routes of this machine, of IPv6 too.",)
    failed = ", ".join(attempt.unreachable)
    return Answer("tcp", CheckVerdict.WARNING, f"{summary}, but not to {failed}", advice, facts)
