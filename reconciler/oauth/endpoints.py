"""The two URLs of an authorization server, checked before a browser or a secret is sent to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.errors import TargetError
from reconciler.scim.transport import Endpoint, parse_endpoint

APPLE_HOSTS = ("appleaccount.apple.com", "appleid.apple.com")
"""Apple's guide prints the first, its own screen has shown the second: both are built in, and neither is a default."""
AUTHORIZE_VARIABLE, TOKEN_VARIABLE = "RECONCILER_OAUTH_AUTHORIZE_URL", "RECONCILER_OAUTH_TOKEN_URL"
_APPLE_PATHS = {
    AUTHORIZE_VARIABLE: "/auth/oauth2/v2/authorize",
    TOKEN_VARIABLE: "/auth/oauth2/v2/token",
}


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where a user authorizes, and where tokens come from. The whole URL of each is its `base_url`."""

    authorize: Endpoint
    token: Endpoint


def parse_oauth_endpoints(authorize_url: str, token_url: str, allowed_hosts: Collection[str]) -> OAuthEndpoints:
    """Parse and check both URLs. Raises `TargetError` if one is invalid, or must not receive a code or a secret.

    Apple's hosts are built in; others must be in `allowed_hosts`, as for `scim.transport.parse_endpoint`.
    """
    authorize = _parse_url(AUTHORIZE_VARIABLE, authorize_url, "a code", allowed_hosts)
    token = _parse_url(TOKEN_VARIABLE, token_url, "the client secret", allowed_hosts)
    if (authorize.host in APPLE_HOSTS) != (token.host in APPLE_HOSTS):
        raise TargetError(
            f"{AUTHORIZE_VARIABLE} and {TOKEN_VARIABLE} belong to different services",
            f"One is Apple's, the other is of {token.host if authorize.host in APPLE_HOSTS else authorize.host}.",
        )
    return OAuthEndpoints(authorize, token)


def parse_token_endpoint(token_url: str, allowed_hosts: Collection[str]) -> Endpoint:
    """Parse and check the token URL alone: refreshing needs no other. Raises as `parse_oauth_endpoints` does."""
    return _parse_url(TOKEN_VARIABLE, token_url, "the client secret", allowed_hosts)


def _parse_url(variable: str, url: str, sent: str, allowed_hosts: Collection[str]) -> Endpoint:
    path = _APPLE_PATHS[variable]
    if not url:
        raise TargetError(
            f"{variable} is not set",
            f"Copy the URL from Apple's screen with the client ID, such as https://{APPLE_HOSTS[0]}{path}.",
        )
    where = parse_endpoint(url, profile_hosts=APPLE_HOSTS, allowed_hosts=allowed_hosts, setting=variable, sent=sent)
    if where.host in APPLE_HOSTS and urlsplit(url).path != path:
        raise TargetError(f"{variable} is not Apple's", f"On {where.host} it is https://{where.host}{path}.")
    return where
