"""The only reader of the environment's token and allowed hosts; builds the client, opens the sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from reconciler.core.profile import TargetProfile
from reconciler.errors import ReconcilerError, TargetError
from reconciler.record.redaction import SHORTEST_KEY
from reconciler.scim.bounded_transport import BoundedTransport
from reconciler.scim.client import ScimClient
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.retry_transport import RetryTransport, ScimRetryRule
from reconciler.scim.transport import (
    USER_AGENT,
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    TransportPerThread,
    certificate_authorities,
    endpoint,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where requests go and with what. The token is in no repr. `hints`: see `TargetProfile.refusal_hints`."""

    where: Endpoint
    token: Secret
    hints: Mapping[int, str]


class Secret:
    """A token that no repr, log or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<token>"

    def reveal(self) -> str:
        """Return the token itself."""
        return self._value


def connect(base_url: str, profile: TargetProfile, environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection to a real service; raises `TargetError` when the host is not allowed or there is no token."""
    allowed = environment.get("RECONCILER_ALLOWED_HOSTS", "").split(",")
    where = endpoint(base_url, profile_hosts=profile.hosts, allowed_hosts=[host for host in allowed if host.strip()])
    token = environment.get("RECONCILER_TOKEN", "").strip()
    if not token:
        raise TargetError(
            "RECONCILER_TOKEN is not set", "Put the service's bearer token into it, or try the job out with --sandbox."
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TargetError("RECONCILER_TOKEN holds characters that no token has", "Copy it again, without line breaks.")
    return Connection(where, Secret(token), profile.refusal_hints)


def record_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the record's digests; raises `ReconcilerError` when there is none worth the name."""
    key = environment.get("RECONCILER_RECORD_KEY", "").strip()
    if len(key) < SHORTEST_KEY:
        what = "is not set" if not key else f"is shorter than {SHORTEST_KEY} characters"
        detail = "record.values is digest. Make a key once (openssl rand -hex 32) and keep it as a secret."
        raise ReconcilerError(f"RECONCILER_RECORD_KEY {what}", detail)
    return key.encode()


@contextmanager
def open_client(to: Connection, *, writes: bool, limiter: RateLimiter | None = None) -> Iterator[ScimClient]:
    """A client; with `writes` false it cannot send anything but GET."""
    certificates, one = certificate_authorities(), httpx.Limits(max_connections=1, max_keepalive_connections=1)
    base_url, token = to.where.base_url, to.token.reveal()
    messages = ErrorMessages(base_url, token, to.hints)
    transport: httpx.BaseTransport = TransportPerThread(
        lambda: httpx.HTTPTransport(verify=certificates, limits=one, trust_env=False)
    )
    transport = PinnedTransport(transport, to.where)
    transport = transport if writes else ReadOnlyTransport(transport)
    transport = RetryTransport(BoundedTransport(transport), ScimRetryRule(messages), limiter or RateLimiter())
    client = ScimClient(base_url, token, transport, messages, user_agent=USER_AGENT)
    try:
        yield client
    finally:
        client.close()
