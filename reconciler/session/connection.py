"""Connect to a service: the only reader of the allowed hosts in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date

import httpx

from reconciler.core.expiry import ConnectionCredential, CredentialKind
from reconciler.core.profile import TargetProfile
from reconciler.core.refused_credentials import explain_refused_token, find_credential
from reconciler.scim.authorization_transport import AuthorizationTransport
from reconciler.scim.client import READ_WORKERS, ScimClient
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.network import DIRECT, Network
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.read_budget import ReadBudget
from reconciler.scim.response_limits import MAX_BYTES, ResponseLimitTransport
from reconciler.scim.retry import READ_SECONDS, Wait
from reconciler.scim.retry_transport import ReadLimit, RetryTransport, ScimRetryRule
from reconciler.scim.secret import SentTokens
from reconciler.scim.service_clock import ServiceClock
from reconciler.scim.token_source import FixedToken, TokenSource
from reconciler.scim.transport import (
    USER_AGENT,
    BudgetTransport,
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    open_connections,
    parse_endpoint,
)
from reconciler.session.fleet.tokens import admit_tokens
from reconciler.session.network import read_network
from reconciler.session.rate_cap import RateCap, open_rate_cap, read_rate_cap
from reconciler.session.tenant_token import fetch_token, find_token_variable


@dataclass(frozen=True, slots=True)
class Connection:
    """A service and the tokens for it, which are in no repr.

    `hints`: see `TargetProfile.refusal_hints`. `refused_token`: what to do about a refused token (401) instead of its
    hint and the advice of `tokens`, "" if nothing more is known. `cap`: on the rate of all processes together.
    """

    endpoint: Endpoint
    tokens: TokenSource
    hints: Mapping[int, str]
    network: Network = DIRECT
    refused_token: str = ""
    cap: RateCap | None = None


@dataclass(frozen=True, slots=True)
class AnswerBounds:
    """How long one read may be tried, in seconds, and how large its answer may be, in bytes."""

    read_seconds: float = READ_SECONDS
    max_bytes: int = MAX_BYTES


def connect(
    base_url: str, profile: TargetProfile, environment: Mapping[str, str] = os.environ, *, tenant: str | None = None
) -> Connection:
    """Read the environment for a real service. `tenant`: whose token is needed.

    Raises `TargetError` if the host is not allowed or there is no token,
    `ReconcilerError` if the proxy or the bundle of authorities cannot be used.
    """
    endpoint = parse_endpoint(base_url, profile_hosts=profile.hosts, allowed_hosts=read_allowed_hosts(environment))
    tokens = FixedToken(fetch_token(tenant, environment), find_token_variable(environment))
    cap = read_rate_cap(endpoint.base_url, environment)
    return Connection(
        endpoint, admit_tokens(tokens, endpoint.base_url), profile.refusal_hints, read_network(environment), cap=cap
    )


def read_allowed_hosts(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Read the hosts that secrets may be sent to in addition to those that are built in."""
    return [name for name in environment.get("RECONCILER_ALLOWED_HOSTS", "").split(",") if name.strip()]


def explain_refusals(connection: Connection, credentials: Sequence[ConnectionCredential], today: date) -> Connection:
    """Return the connection with what the dates of `credentials` say, on the day `today` (UTC), of a refused token."""
    if not credentials:
        return connection
    token = find_credential(credentials, CredentialKind.TOKEN)
    hint = connection.hints.get(httpx.codes.UNAUTHORIZED, "") if token is not None else ""
    return replace(connection, refused_token=explain_refused_token(token, today, connection.tokens.advice, hint))


@contextmanager
def open_client(
    to: Connection,
    *,
    writes: bool,
    limiter: RateLimiter | None = None,
    budget: ReadBudget | None = None,
    bounds: AnswerBounds | None = None,
    on_wait: Callable[[Wait], None] = lambda _wait: None,
) -> Iterator[ScimClient]:
    """Open a client; without `writes` it can send nothing but GET. `budget`: of reading all users.

    `bounds`: of a read and its answer; None: the usual ones. `on_wait` is called before each pause, from any thread.

    Its transports, from the client down: the budget, sending again within the rate limit, the token, the service's
    clock, bounded answers, reading only, one host, one connection per thread.
    """
    base_url, sent = to.endpoint.base_url, SentTokens()
    bounds = bounds or AnswerBounds(READ_SECONDS)
    messages = _build_messages(to, sent)
    transport: httpx.BaseTransport = PinnedTransport(open_connections(to.network), to.endpoint)
    transport = transport if writes else ReadOnlyTransport(transport)
    clock = ServiceClock(ResponseLimitTransport(transport, bounds.max_bytes))
    # While changes are applied, the pauses that the service asks for are those of the run.
    reads = ReadLimit(bounds.read_seconds, counts_pauses=not writes)
    inner = AuthorizationTransport(clock, to.tokens, sent)
    if limiter is None:
        # How many pages are requested at once is decided where they are read (`scim.pages_at_once`).
        limiter = RateLimiter() if writes else RateLimiter(in_flight=READ_WORKERS)
    transport = RetryTransport(inner, ScimRetryRule(messages), limiter, reads=reads, on_wait=on_wait)
    transport = BudgetTransport(transport, budget) if budget is not None else transport
    client = ScimClient(base_url, transport, messages, user_agent=USER_AGENT, clock=clock)
    with open_rate_cap(to.cap) as limiter.shared, closing(client):
        yield client


def _build_messages(to: Connection, sent: SentTokens) -> ErrorMessages:
    if not to.refused_token:
        return ErrorMessages(to.endpoint.base_url, sent, to.hints, to.tokens.advice)
    hints = {status: hint for status, hint in to.hints.items() if status != httpx.codes.UNAUTHORIZED}
    return ErrorMessages(to.endpoint.base_url, sent, hints, to.refused_token)
