"""What the authorization server keeps: its client, codes, and the tokens of each authorization."""

import json
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.store import AccessToken, Store

_DAY = 86400.0
# Field report: chosen in the web interface from 6, 9 and 12 months.
SECRET_LIFE = 365 * _DAY
CODE_LIFE = 60.0
"""Seconds. RFC 6749 §4.1.2 recommends at most ten minutes; Apple's is unknown."""
LOOPBACK_REDIRECT = "http://127.0.0.1:8765/callback"
"""Registered in a new sandbox."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The client that an administrator registered; `secret_expires` in seconds since 1970 of the simulated clock."""

    client_id: str
    secret: str
    secret_expires: float
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code. `challenge`: of PKCE, S256; None without. `family`: of the tokens that came from it."""

    code: str
    redirect_uri: str
    challenge: str | None
    issued: float
    family: str | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token. `replaced`: a newer one was issued for it. `revoked`: its family is."""

    token: str
    family: str
    issued: float
    replaced: bool
    revoked: bool


class Grants:
    """The tables of the authorization server; each method runs in the transaction of its caller, if there is one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- the client -----------------------------------------------------

    def get_client(self) -> OAuthClient:
        """Return the client, which is made when it is first asked for."""
        with self._store.transaction(write=False):
            rows = self._read("SELECT client_id, secret, secret_expires, redirect_uris FROM oauth_clients")
        if rows:
            client_id, secret, expires, redirect_uris = rows[0]
            return OAuthClient(client_id, secret, expires, tuple(json.loads(redirect_uris)))
        with self._store.transaction(write=True):
            if not self._read("SELECT 1 FROM oauth_clients"):
                self._save_client(f"SCIM.{uuid.uuid4()}", [LOOPBACK_REDIRECT])
            return self.get_client()

    def renew_secret(self) -> OAuthClient:
        """Replace the client's secret: the old one is no longer valid."""
        with self._store.transaction(write=True):
            client = self.get_client()
            self._save_client(client.client_id, client.redirect_uris)
            return self.get_client()

    def expire_secret(self) -> None:
        """Let the client's secret expire now."""
        with self._store.transaction(write=True):
            self.get_client()
            self._write("UPDATE oauth_clients SET secret_expires = ?", self._now())

    def set_redirect_uris(self, redirect_uris: Iterable[str]) -> None:
        """Replace the registered redirect URIs."""
        with self._store.transaction(write=True):
            self.get_client()
            self._write("UPDATE oauth_clients SET redirect_uris = ?", json.dumps(list(redirect_uris)))

    def _save_client(self, client_id: str, redirect_uris: Iterable[str]) -> None:
        values = (client_id, secrets.token_urlsafe(32), self._now() + SECRET_LIFE, json.dumps(list(redirect_uris)))
        self._write("INSERT OR REPLACE INTO oauth_clients VALUES (?, ?, ?, ?)", *values)

    # -- codes ----------------------------------------------------------

    def issue_code(self, redirect_uri: str, challenge: str | None) -> str:
        """Return a new code."""
        code = secrets.token_urlsafe(24)
        self._write("INSERT INTO oauth_codes VALUES (?, ?, ?, ?, NULL)", code, redirect_uri, challenge, self._now())
        return code

    def find_code(self, text: str) -> Code | None:
        """Return a code by its text, used or not."""
        query = "SELECT code, redirect_uri, challenge, issued, family FROM oauth_codes WHERE code = ?"
        rows = self._read(query, text)
        return Code(*rows[0]) if rows else None

    def use_code(self, code: Code) -> str:
        """Begin the family of tokens of a code, which is used up by this; return the family."""
        family = str(uuid.uuid4())
        self._write("INSERT INTO oauth_families VALUES (?, ?, 0)", family, self._now())
        self._write("UPDATE oauth_codes SET family = ? WHERE code = ?", family, code.code)
        return family

    # -- tokens ---------------------------------------------------------

    def issue_access_token(self, family: str, life: float) -> str:
        """Return a new access token that lasts for `life` seconds."""
        token, now = secrets.token_urlsafe(32), self._now()
        self._write("INSERT INTO oauth_access_tokens VALUES (?, ?, ?, ?)", token, family, now, now + life)
        return token

    def issue_refresh_token(self, family: str) -> str:
        """Return a new refresh token."""
        token = secrets.token_urlsafe(32)
        self._write("INSERT INTO oauth_refresh_tokens VALUES (?, ?, ?, 0)", token, family, self._now())
        return token

    def find_refresh_token(self, text: str) -> RefreshToken | None:
        """Return a refresh token by its text, valid or not."""
        query = (
            "SELECT token, family, issued, replaced, revoked FROM oauth_refresh_tokens"
            " JOIN oauth_families USING (family) WHERE token = ?"
        )
        rows = self._read(query, text)
        if not rows:
            return None
        token, family, issued, replaced, revoked = rows[0]
        return RefreshToken(token, family, issued, bool(replaced), bool(revoked))

    def replace_refresh_token(self, old: RefreshToken) -> str:
        """Return a new refresh token for `old`, which is no longer valid."""
        self._write("UPDATE oauth_refresh_tokens SET replaced = 1 WHERE token = ?", old.token)
        return self.issue_refresh_token(old.family)

    def find_access_token(self, text: str) -> AccessToken | None:
        """Return an access token by its text, valid or not; it is first used when its connection was authorized."""
        query = (
            "SELECT token, issued, connected, expires, revoked FROM oauth_access_tokens"
            " JOIN oauth_families USING (family) WHERE token = ?"
        )
        rows = self._read(query, text)
        if not rows:
            return None
        token, issued, connected, expires, revoked = rows[0]
        return AccessToken(token, issued, connected, expires, bool(revoked))

    def revoke(self, family: str | None = None) -> None:
        """Revoke all tokens of a family; None: of every family."""
        self._write("UPDATE oauth_families SET revoked = 1 WHERE ? IS NULL OR family = ?", family, family)

    def list_connections(self) -> list[float]:
        """Return when each family that is not revoked began, in seconds since 1970 of the simulated clock."""
        return [connected for (connected,) in self._read("SELECT connected FROM oauth_families WHERE NOT revoked")]

    def _now(self) -> float:
        return self._store.now().timestamp()

    def _write(self, query: str, *values: object) -> None:
        with self._store.database.transaction(write=True) as connection:
            connection.execute(query, values)

    def _read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._store.database.connection.execute(query, values).fetchall()
