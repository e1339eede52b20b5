"""Connect to a service by OAuth (`target.auth: oauth`): put together what keeps its tokens alive."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from reconciler.core.expiry import ConnectionCredential, CredentialKind
from reconciler.core.profile import TargetProfile
from reconciler.core.refused_credentials import explain_refused_secret, find_credential
from reconciler.oauth.rotation import Refreshing, StoredTokens
from reconciler.oauth.token_client import TokenAnswer, TokenClient
from reconciler.oauth.token_document import TokenBinding
from reconciler.oauth.token_store import parse_token_store
from reconciler.scim.network import Network
from reconciler.scim.secret import Secret
from reconciler.scim.transport import Endpoint, open_connections, parse_endpoint
from reconciler.session.connection import Connection, read_allowed_hosts
from reconciler.session.fleet.tokens import admit_tokens
from reconciler.session.network import read_network
from reconciler.session.oauth_client import OAuthCredentials, read_oauth_credentials
from reconciler.session.rate_cap import read_rate_cap
from reconciler.session.token_lock import hold_token_lock
from reconciler.session.token_masks import mask_tokens


def connect_by_oauth(
    base_url: str,
    profile: TargetProfile,
    credentials: Sequence[ConnectionCredential],
    note: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
    *,
    tenant: str | None = None,
) -> Connection:
    """Read the environment for a service whose tokens are in a store; no request is sent before a token is needed.

    `credentials`: the dates of the settings. `tenant`: whose tokens are needed. Raises `TargetError` as
    `session.connection.connect` does, and for a client or a store that is missing.
    """
    endpoint = parse_endpoint(base_url, profile_hosts=profile.hosts, allowed_hosts=read_allowed_hosts(environment))
    network = read_network(environment)
    if environment.get("RECONCILER_TOKEN", "").strip():
        note("RECONCILER_TOKEN is set, but not used: target.auth is oauth.")
    tokens = build_stored_tokens(endpoint, network, credentials, note, environment, tenant=tenant)
    cap = read_rate_cap(endpoint.base_url, environment)
    return Connection(endpoint, admit_tokens(tokens), profile.refusal_hints, network, cap=cap)


def build_stored_tokens(
    endpoint: Endpoint,
    network: Network,
    credentials: Sequence[ConnectionCredential],
    note: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
    *,
    tenant: str | None = None,
) -> StoredTokens:
    """Return the tokens for a service. Raises `TargetError`."""
    client = read_oauth_credentials(environment, tenant)
    binding = TokenBinding(client.client_id, client.token.base_url, endpoint.base_url)
    secret = find_credential(credentials, CredentialKind.CLIENT_SECRET)
    store = parse_token_store(environment, tenant)
    return StoredTokens(
        Refreshing(
            binding=binding,
            store=store,
            refresh=lambda token: _refresh(client, network, token),
            lock=lambda: hold_token_lock(binding, store, note),
            now=_current_time,
            note=note,
            on_tokens=mask_tokens(environment),
            explain=lambda code: explain_refused_secret(secret, _current_time().date(), code),
        )
    )


def _refresh(client: OAuthCredentials, network: Network, token: Secret) -> TokenAnswer:
    with TokenClient(
        client.token, client.client_id, client.client_secret, connect=lambda: open_connections(network)
    ) as opened:
        return opened.refresh(token)


def _current_time() -> datetime:
    return datetime.now(UTC)
