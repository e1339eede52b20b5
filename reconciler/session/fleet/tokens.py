"""Tokens of many tenants: each process fetches its own, and no token is used for two tenants.

Before a process sends its first request, it tells the run's parent a digest of its token, keyed with a random key of
the run, and waits. The parent compares digests in memory: no process ever sees the tokens of two tenants, and the
digests are worth nothing without the key, which is never stored.

Shards and workers have no parent in common: there a short check of each token is in the tenant's result.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping

from reconciler.errors import TargetError
from reconciler.fleet.result import TenantResult
from reconciler.oauth.token_store import STORE_VARIABLE, TENANT
from reconciler.scim.secret import Secret
from reconciler.scim.token_source import TokenSource
from reconciler.session.tenant_token import TOKEN_VARIABLE, find_token_variable
from reconciler.session.token_command import COMMAND_VARIABLE
from reconciler.session.token_directory import DIRECTORY_VARIABLE

_KEY_BYTES = 32
_SHORTEST_CHECKED = 20
"""Characters: a shorter token could be guessed from its check."""
_CHECK_DIGITS = 12
_CHECK = "Each tenant needs the token of its own organisation: check where the tokens come from."


class SharedTokenError(TargetError):
    """Two tenants have the same token: one of them would be given the users of the other."""


def check_fleet_tokens(tenants: int, environment: Mapping[str, str] = os.environ) -> None:
    """Check, before any process is started, that the environment can have a token for each of `tenants`.

    `tenants`: of the whole fleet, not of a shard. Raises `SharedTokenError`, `TargetError` as `find_token_variable`.
    """
    variable = find_token_variable(environment)
    if tenants > 1 and variable == TOKEN_VARIABLE and environment.get(variable, "").strip():
        raise SharedTokenError(
            f"{TOKEN_VARIABLE} is one token for {tenants:,} tenants",
            f"Set {COMMAND_VARIABLE} or {DIRECTORY_VARIABLE} instead: see docs/environment.md.",
        )
    store = environment.get(STORE_VARIABLE, "").strip()
    if tenants > 1 and variable == TOKEN_VARIABLE and store and TENANT not in store:
        raise SharedTokenError(
            f"{STORE_VARIABLE} is one place for the tokens of {tenants:,} tenants",
            f"Name a place for each with {TENANT} in it, as file:/PATH/{TENANT}: see docs/oauth.md.",
        )


class TokenRegistry:
    """In the parent: whose digest is whose. It is asked by one thread; `key` goes to each process of a tenant."""

    def __init__(self) -> None:
        self.key = secrets.token_bytes(_KEY_BYTES)
        self._owners: dict[bytes, str] = {}

    def admit(self, tenant: str, digest: bytes) -> str:
        """Return "" if the process of the tenant may go on; else the other tenant that has the same token."""
        owner = self._owners.setdefault(digest, tenant)
        return "" if owner == tenant else owner


class TokenGate:
    """In the process of a tenant: asks the parent about each token before it is used. Thread-safe.

    `ask`: sends a digest to the parent, and returns its answer, as `TokenRegistry.admit`. It raises `OSError` or
    `EOFError` if there is none. A token that is renewed is asked about as the first one was. `commit`: of the run.
    """

    def __init__(self, tenant: str, key: bytes, ask: Callable[[bytes], str], commit: str = "") -> None:
        self._tenant = tenant
        self._key = key
        self._ask = ask
        self._lock = threading.Lock()
        self._admitted: set[bytes] = set()
        self._commit = commit
        self.check: str | None = None
        """Of the first token that was admitted for an address."""

    def admit(self, token: Secret, address: str | None = None) -> None:
        """Wait until the token may be used. `address`: as `admit_tokens`.

        Raises `SharedTokenError`, or `TargetError` if the parent is gone.
        """
        digest = hmac.digest(self._key, token.reveal().encode(), "sha256")
        with self._lock:
            if digest in self._admitted:
                return
            try:
                other = self._ask(digest)
            except (OSError, EOFError) as exc:
                raise TargetError("the process that runs the fleet has ended", "Nothing was sent.") from exc
            if other:
                raise SharedTokenError(f"this tenant has the same token as {other}", _CHECK)
            self._admitted.add(digest)
            if address is not None and self.check is None:
                self.check = compute_token_check(token, address, self._commit)


class _AdmittedTokens:
    """The tokens of a source, each of which went through the gate."""

    def __init__(self, source: TokenSource, gate: TokenGate, address: str | None) -> None:
        self.advice = source.advice
        self._source = source
        self._gate = gate
        self._address = address

    def current(self) -> Secret:
        """Return the token, once it is admitted."""
        token = self._source.current()
        self._gate.admit(token, self._address)
        return token

    def renew(self, rejected: Secret) -> Secret | None:
        """Return another token, once it is admitted; None if there is no other."""
        token = self._source.renew(rejected)
        if token is not None:
            self._gate.admit(token)
        return token


_gates: list[TokenGate] = []


def install_gate(gate: TokenGate) -> None:
    """Let all tokens of this process, which is that of one tenant, go through the gate from now on."""
    _gates[:] = [gate]


def admit_tokens(source: TokenSource, address: str | None = None) -> TokenSource:
    """Return the tokens of `source`, which go through the gate of this process if it has one.

    `address`: of the service, if the token is always the same; None for tokens that every process gets.
    """
    return _AdmittedTokens(source, _gates[0], address) if _gates else source


def find_token_check() -> str | None:
    """Return the check of the token that this process used; None if it used none, or it must not be checked."""
    return _gates[0].check if _gates else None


def find_shared_tokens(results: Iterable[TenantResult]) -> list[tuple[str, str]]:
    """Return pairs of tenants that used one token: in shards or jobs that know nothing of each other."""
    owners: dict[str, str] = {}
    checked = [each for each in results if each.token_check is not None]
    pairs = ((owners.setdefault(str(each.token_check), each.tenant), each.tenant) for each in checked)
    return [(owner, tenant) for owner, tenant in pairs if owner != tenant]


def refuse_shared_tokens(results: Iterable[TenantResult]) -> None:
    """Raise `SharedTokenError` if two tenants used one token."""
    for owner, tenant in find_shared_tokens(results):
        raise SharedTokenError(
            f"tenants {owner} and {tenant} have the same token",
            f"{_CHECK} What one of them was given can be of the other: look at both, then run both again: "
            '`reconciler fleet retry DIR…`, or on GitHub "Re-run all jobs", as no job of theirs failed.',
        )


def compute_token_check(token: Secret, address: str, commit: str) -> str | None:
    """Return what two tenants have in common only if they used one token at one address; None for a short token.

    It is different at each commit, and too short to tell more about a token than that it is the same.
    """
    value = token.reveal()
    if len(value) < _SHORTEST_CHECKED:
        return None
    label = f"reconciler token check\0{address}\0{commit}"
    return hmac.digest(label.encode(), value.encode(), "sha256").hex()[:_CHECK_DIGITS]
