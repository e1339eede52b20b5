"""The access token of a read, renewed before it expires."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from reconciler.core.text import quote, shorten
from reconciler.errors import SourceError
from reconciler.scim.retry_transport import utc_now
from reconciler.sources.graph.access_token import Credential, GraphToken, read_claims
from reconciler.sources.graph.permissions import Permission, check_permissions

_EARLY = timedelta(minutes=5)
"""Before it expires a token is renewed: a request with its pauses takes its time."""
_GRAPH_APP = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph's application id, the same in every cloud and tenant: some tokens name it as their audience."""


class Tokens:
    """The tokens from one credential. Thread-safe. `tenant`: id or domain. `resource`: what tokens must be for."""

    def __init__(
        self, credential: Credential, *, tenant: str, resource: str, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._credential = credential
        self._tenant = tenant
        self._resource = resource
        self._now = now
        self._lock = threading.Lock()
        self._token: GraphToken | None = None

    def current(self) -> GraphToken:
        """Return a token that lasts for some minutes, unless its credential has no other. Raises `SourceError`."""
        with self._lock:
            if self._token is None or self._ends_soon(self._token):
                self._token = self._acquire()
            return self._token

    def renew(self, refused: GraphToken) -> GraphToken | None:
        """Return another token than the one that Graph refused; None if the credential has no other."""
        with self._lock:
            if self._token is refused:
                if not self._credential.renewable:
                    return None
                self._token = self._acquire()
            return self._token

    def require(self, needed: Collection[Permission]) -> None:
        """Check that the token grants permissions. Raises one `SourceError` that names all that are missing."""
        claims = read_claims(self.current().secret.reveal())
        check_permissions(claims, needed, self._credential.name)

    def _ends_soon(self, token: GraphToken) -> bool:
        return self._credential.renewable and token.expires is not None and self._now() + _EARLY >= token.expires

    def _acquire(self) -> GraphToken:
        token = self._credential.acquire()
        claims = read_claims(token.secret.reveal()) or {}
        audience, tenant = claims.get("aud"), claims.get("tid")
        if isinstance(audience, str) and audience.rstrip("/") not in (self._resource, _GRAPH_APP):
            raise SourceError(
                f"the token from {self._credential.name} is for {quote(shorten(audience, 120))}",
                f"It must be for {self._resource}.",
            )
        if isinstance(tenant, str) and _is_id(self._tenant) and tenant.casefold() != self._tenant.casefold():
            raise SourceError(
                f"the token from {self._credential.name} is of the tenant {quote(shorten(tenant, 80))}",
                f"source.entra.tenant in settings.yaml is {self._tenant}: correct one of them.",
            )
        return token


def _is_id(tenant: str) -> bool:
    return "." not in tenant
