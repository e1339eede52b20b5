"""The token document: what a token store keeps between two runs, as JSON that is checked before it is used.

It can come from a command, or from a file that someone edited. No message repeats any of its content but ids and URLs,
which are no secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.core.text import quote, shorten
from reconciler.errors import TargetError
from reconciler.scim.secret import Secret, is_token

MAX_BYTES = 256 * 1024
"""Of a document: three tokens of 32 KiB, the longest that are accepted, each character of them escaped."""
_FORMAT = "reconciler-tokens/1"
_LONGEST_TOKEN = 32 * 1024
_LONGEST_TEXT = 2048
_DEFAULT_LIFE = timedelta(hours=1)
"""RFC 6749 §5.1 leaves it open if an answer has no `expires_in`; Apple's clients assume this."""
_SHORTEST_LIFE, _LONGEST_LIFE = timedelta(seconds=10), timedelta(days=366)
_LOGIN = "Run reconciler login, which replaces it."


class TokenDocumentError(TargetError):
    """A stored token document cannot be used. Exit code 1."""


@dataclass(frozen=True, slots=True)
class TokenBinding:
    """What tokens are for: the client that they were issued to, the token URL that did, the service that takes them."""

    client_id: str
    token_url: str
    base_url: str


@dataclass(frozen=True, slots=True)
class TokenDocument:
    """The tokens of one connection. No repr shows one.

    `obtained`, `expires`: of the access token, by the clock of the machine that asked for it, which noted the time
    before it asked. `previous_refresh_token`: the one before `refresh_token`, until that has been used with success.
    `refresh_begun`: when a refresh was begun of which no result is stored.
    """

    binding: TokenBinding
    access_token: Secret
    obtained: datetime
    expires: datetime
    refresh_token: Secret | None
    previous_refresh_token: Secret | None = None
    refresh_begun: datetime | None = None

    @property
    def tokens(self) -> tuple[Secret, ...]:
        """All tokens in it."""
        found = (self.access_token, self.refresh_token, self.previous_refresh_token)
        return tuple(token for token in found if token is not None)

    def begin_refresh(self, now: datetime) -> TokenDocument:
        """Return the document with a note that a refresh begins."""
        return replace(self, refresh_begun=now)


def build_token_document(
    binding: TokenBinding,
    access_token: Secret,
    refresh_token: Secret | None,
    lifetime: timedelta | None,
    *,
    asked: datetime,
    used: Secret | None = None,
) -> TokenDocument:
    """Return the document of an authorization server's answer.

    `lifetime` None: an hour. `asked`: when the request was sent. `used`: the refresh token that was exchanged; it stays
    if the answer has none, or the same, otherwise it is the previous one.
    """
    life = _DEFAULT_LIFE if lifetime is None else min(max(lifetime, _SHORTEST_LIFE), _LONGEST_LIFE)
    begun = asked.astimezone(UTC).replace(microsecond=0)
    rotated = refresh_token is not None and used is not None and refresh_token.reveal() != used.reveal()
    return TokenDocument(
        binding=binding,
        access_token=access_token,
        obtained=begun,
        expires=begun + life,
        refresh_token=refresh_token or used,
        previous_refresh_token=used if rotated else None,
    )


def format_token_document(document: TokenDocument) -> bytes:
    """Return the document as JSON, in one line: some stores cannot keep several."""
    bound = document.binding
    content = {
        "format": _FORMAT,
        "client_id": bound.client_id,
        "token_url": bound.token_url,
        "base_url": bound.base_url,
        "access_token": document.access_token.reveal(),
        "obtained": _format_time(document.obtained),
        "expires": _format_time(document.expires),
        "refresh_token": _reveal(document.refresh_token),
        "previous_refresh_token": _reveal(document.previous_refresh_token),
        "refresh_begun": None if document.refresh_begun is None else _format_time(document.refresh_begun),
    }
    return json.dumps(content).encode() + b"\n"


def parse_token_document(content: bytes, source: str) -> TokenDocument:
    """Parse a document. Raises `TokenDocumentError`. `source`: where it is, for messages."""
    if len(content) > MAX_BYTES:
        raise TokenDocumentError(f"{source} holds more than {MAX_BYTES // 1024} KiB: this is no token document", _LOGIN)
    try:
        found = json.loads(content, object_pairs_hook=_read_object)
    except (ValueError, RecursionError):
        # Not the error itself, which quotes what it read.
        raise TokenDocumentError(f"{source} holds no valid JSON: the token document is damaged", _LOGIN) from None
    if not isinstance(found, dict):
        raise TokenDocumentError(f"{source} holds no token document, but other JSON", _LOGIN)
    if found.get("format") != _FORMAT:
        raise TokenDocumentError(
            f"{source} holds no token document of the format {_FORMAT}",
            f"It is damaged, or a later version of Reconciler wrote it: use that version. {_LOGIN}",
        )
    try:
        return _read_document(found)
    except _DamagedError as exc:
        raise TokenDocumentError(f"{source} holds a damaged token document: {exc}", _LOGIN) from None


def check_binding(document: TokenDocument, binding: TokenBinding, source: str) -> None:
    """Raise `TokenDocumentError` if the tokens are not for this client, token URL and service: none of them is sent."""
    stored = document.binding
    pairs = (
        ("client", stored.client_id, binding.client_id, "RECONCILER_OAUTH_CLIENT_ID"),
        ("token URL", stored.token_url, binding.token_url, "RECONCILER_OAUTH_TOKEN_URL"),
        ("service", stored.base_url, binding.base_url, "target.base_url"),
    )
    for what, theirs, ours, setting in pairs:
        if theirs != ours:
            raise TokenDocumentError(
                f"the tokens in {source} are for another {what}: {quote(shorten(theirs, 120))}, not {ours}",
                f"They were sent nowhere. Check {setting} and RECONCILER_TOKEN_STORE, or run reconciler login.",
            )


class _DamagedError(Exception):
    """A document has another content than it must have; its text names the key."""


_KEYS = (
    *("format", "client_id", "token_url", "base_url", "access_token", "obtained", "expires"),
    *("refresh_token", "previous_refresh_token", "refresh_begun"),
)


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _read_document(found: Mapping[str, Any]) -> TokenDocument:
    missing = [key for key in _KEYS if key not in found]
    if missing:
        raise _DamagedError(f"{missing[0]} is missing")
    if len(found) != len(_KEYS):
        raise _DamagedError("it has an unknown key")
    obtained, expires = _read_time(found, "obtained"), _read_time(found, "expires")
    if not timedelta() < expires - obtained <= _LONGEST_LIFE:
        raise _DamagedError("expires does not fit obtained")
    refresh, previous = (
        None if found[key] is None else _read_token(found, key) for key in ("refresh_token", "previous_refresh_token")
    )
    if refresh is None and previous is not None:
        raise _DamagedError("refresh_token is null, but previous_refresh_token is not")
    return TokenDocument(
        binding=TokenBinding(*(_read_text(found, key) for key in ("client_id", "token_url", "base_url"))),
        access_token=_read_token(found, "access_token"),
        obtained=obtained,
        expires=expires,
        refresh_token=refresh,
        previous_refresh_token=previous,
        refresh_begun=None if found["refresh_begun"] is None else _read_time(found, "refresh_begun"),
    )


def _read_text(found: Mapping[str, Any], key: str) -> str:
    value = found[key]
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
        raise _DamagedError(f"{key} is no text")
    return value


def _read_token(found: Mapping[str, Any], key: str) -> Secret:
    value = found[key]
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN or not is_token(value):
        raise _DamagedError(f"{key} is no token")
    return Secret(value)


def _read_time(found: Mapping[str, Any], key: str) -> datetime:
    value = found[key]
    try:
        return datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise _DamagedError(f"{key} is no time such as 2026-05-01T12:00:00Z") from None


_TIME = "%Y-%m-%dT%H:%M:%SZ"


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime(_TIME)


def _reveal(token: Secret | None) -> str | None:
    return None if token is None else token.reveal()
