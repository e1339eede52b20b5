"""The only reader of the OAuth client in the environment: its id, its secret, and the URLs that it is known at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.errors import TargetError
from reconciler.oauth.endpoints import (
    AUTHORIZE_VARIABLE,
    TOKEN_VARIABLE,
    OAuthEndpoints,
    parse_oauth_endpoints,
    parse_token_endpoint,
)
from reconciler.scim.secret import Secret, is_token
from reconciler.scim.transport import Endpoint
from reconciler.session.connection import read_allowed_hosts
from reconciler.session.token_directory import DIRECTORY_VARIABLE, read_token_file

CLIENT_ID, CLIENT_SECRET = "RECONCILER_OAUTH_CLIENT_ID", "RECONCILER_OAUTH_CLIENT_SECRET"
_FILES = {CLIENT_ID: ".client-id", CLIENT_SECRET: ".client-secret"}
_LONGEST = 4096
"""Characters of either."""


@dataclass(frozen=True, slots=True)
class OAuthCredentials:
    """The client, and the URL that its secret may be sent to. The secret is in no repr."""

    client_id: str
    client_secret: Secret
    token: Endpoint


def read_oauth_credentials(environment: Mapping[str, str] = os.environ, tenant: str | None = None) -> OAuthCredentials:
    """Read what refreshing needs. Raises `TargetError` if something is missing, or the host is not allowed.

    Without the variables of the client, those of a tenant are in RECONCILER_TOKEN_DIR: NAME.client-id, .client-secret.
    """
    token = parse_token_endpoint(environment.get(TOKEN_VARIABLE, "").strip(), read_allowed_hosts(environment))
    client_id, secret = (_read(environment, name, tenant) for name in (CLIENT_ID, CLIENT_SECRET))
    return OAuthCredentials(client_id, Secret(secret), token)


def read_oauth_endpoints(environment: Mapping[str, str] = os.environ) -> OAuthEndpoints:
    """Read both URLs, which a login needs. Raises `TargetError` if one is missing, or its host is not allowed."""
    authorize, token = (environment.get(name, "").strip() for name in (AUTHORIZE_VARIABLE, TOKEN_VARIABLE))
    return parse_oauth_endpoints(authorize, token, read_allowed_hosts(environment))


def _read(environment: Mapping[str, str], name: str, tenant: str | None) -> str:
    value = environment.get(name, "").strip()
    if not value and tenant is not None and environment.get(DIRECTORY_VARIABLE, "").strip():
        value = read_token_file(tenant, environment, _FILES[name])
    if not value:
        raise TargetError(
            f"{name} is not set",
            "target.auth is oauth: copy it from where the connection is set up. See docs/oauth.md.",
        )
    if not is_token(value) or len(value) > _LONGEST:
        raise TargetError(f"{name} has impossible characters or length", "Copy it again, without line breaks.")
    return value
