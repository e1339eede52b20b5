from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.oauth.token_document import (
    MAX_BYTES,
    TokenBinding,
    TokenDocument,
    TokenDocumentError,
    build_token_document,
    check_binding,
    format_token_document,
    parse_token_document,
)
from reconciler.scim.secret import Secret

NOON = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
BINDING = TokenBinding("SCIM.1", "https://auth.example/token", "https://scim.example")
SECRETS = ("acc-s3cret", "ref-s3cret", "old-s3cret")


def document(**changes: Any) -> TokenDocument:
    found = build_token_document(
        BINDING,
        Secret(SECRETS[0]),
        Secret(SECRETS[1]),
        timedelta(seconds=300),
        asked=NOON,
        used=Secret(SECRETS[2]),
        **changes,
    )
    return found.begin_refresh(NOON)


def content(**changes: Any) -> bytes:
    found = json.loads(format_token_document(document())) | changes
    return json.dumps({key: value for key, value in found.items() if value is not ...}).encode()


def reveal(token: Secret | None) -> str | None:
    return token.reveal() if token is not None else None


# --- what an answer becomes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "life"), [(None, 3600), (300, 300), (1, 10), (86_400 * 400, 86_400 * 366), (-5, 10), (0, 10)]
)
def test_the_life_of_an_access_token_is_bounded(seconds: int | None, life: int) -> None:
    lifetime = None if seconds is None else timedelta(seconds=seconds)
    found = build_token_document(BINDING, Secret("a"), None, lifetime, asked=NOON)
    assert found.obtained == NOON.replace(microsecond=0)
    assert found.expires - found.obtained == timedelta(seconds=life)


@pytest.mark.parametrize(
    ("sent", "used", "refresh", "previous"),
    [
        ("new", None, "new", None),
        ("new", "old", "new", "old"),
        (None, "old", "old", None),
        ("old", "old", "old", None),
        (None, None, None, None),
    ],
)
def test_the_refresh_token_that_was_used_stays_or_is_the_previous_one(
    sent: str | None, used: str | None, refresh: str | None, previous: str | None
) -> None:
    tokens = [None if each is None else Secret(each) for each in (sent, used)]
    found = build_token_document(BINDING, Secret("a"), tokens[0], None, asked=NOON, used=tokens[1])
    assert (reveal(found.refresh_token), reveal(found.previous_refresh_token)) == (refresh, previous)


# --- JSON both ways ----------------------------------------------------------------------------


def test_a_document_is_one_line_of_json_and_comes_back_equal() -> None:
    text = format_token_document(document())
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    found = parse_token_document(text, "the store")
    assert format_token_document(found) == text
    assert [token.reveal() for token in found.tokens] == list(SECRETS)
    assert (found.obtained, found.expires) == (document().obtained, document().expires)
    assert found.refresh_begun == NOON.replace(microsecond=0)


def test_no_repr_shows_a_token() -> None:
    assert not [secret for secret in SECRETS if secret in repr(document())]


DAMAGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "holds no valid JSON: the token document is damaged"),
    "cut": (content()[:-20], "holds no valid JSON: the token document is damaged"),
    "bytes": (b"\xff\xfe" + content(), "holds no valid JSON: the token document is damaged"),
    "deep": (b"[" * 100_000, "holds no valid JSON: the token document is damaged"),
    "twice": (content()[:-1] + b', "access_token": "x"}', "holds no valid JSON: the token document is damaged"),
    "large": (b" " * MAX_BYTES + content(), "holds more than 256 KiB: this is no token document"),
    "list": (b"[]", "holds no token document, but other JSON"),
    "no format": (content(format=...), "holds no token document of the format reconciler-tokens/1"),
    "later format": (
        content(format="reconciler-tokens/2"),
        "holds no token document of the format reconciler-tokens/1",
    ),
    "missing": (content(expires=...), "holds a damaged token document: expires is missing"),
    "unknown": (content(**{SECRETS[0]: 1}), "holds a damaged token document: it has an unknown key"),
    "id": (content(client_id=7), "holds a damaged token document: client_id is no text"),
    "long": (content(base_url="x" * 3000), "holds a damaged token document: base_url is no text"),
    "header": (content(access_token="a\r\nX: y"), "holds a damaged token document: access_token is no token"),
    "empty": (content(access_token=""), "holds a damaged token document: access_token is no token"),
    "null": (content(access_token=None), "holds a damaged token document: access_token is no token"),
    "object": (content(refresh_token={}), "holds a damaged token document: refresh_token is no token"),
    "long token": (
        content(access_token="x" * 40_000),
        "holds a damaged token document: access_token is no token",
    ),
    "no refresh token": (
        content(refresh_token=None),
        "holds a damaged token document: refresh_token is null, but previous_refresh_token is not",
    ),
    "time": (
        content(obtained="2026-03-01"),
        "holds a damaged token document: obtained is no time such as 2026-05-01T12:00:00Z",
    ),
    "number": (
        content(refresh_begun=1e9),
        "holds a damaged token document: refresh_begun is no time such as 2026-05-01T12:00:00Z",
    ),
    "order": (
        content(expires="2026-03-01T11:00:00Z"),
        "holds a damaged token document: expires does not fit obtained",
    ),
    "forever": (
        content(expires="9999-12-31T00:00:00Z"),
        "holds a damaged token document: expires does not fit obtained",
    ),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_document_is_refused_without_repeating_it(text: bytes, message: str) -> None:
    with pytest.raises(TokenDocumentError) as raised:
        parse_token_document(text, "the store")
    error = raised.value
    assert error.summary == f"the store {message}"
    assert "reconciler login" in error.detail
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert not [secret for secret in SECRETS if secret in f"{error.summary} {error.detail}"]


# --- what tokens are for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "what", "setting"),
    [
        (TokenBinding("SCIM.2", BINDING.token_url, BINDING.base_url), "client", "RECONCILER_OAUTH_CLIENT_ID"),
        (TokenBinding("SCIM.1", "https://evil.example/t", BINDING.base_url), "token URL", "RECONCILER_OAUTH_TOKEN_URL"),
        (TokenBinding("SCIM.1", BINDING.token_url, "https://evil.example"), "service", "target.base_url"),
    ],
)
def test_tokens_for_something_else_are_refused(other: TokenBinding, what: str, setting: str) -> None:
    check_binding(document(), BINDING, "the store")
    with pytest.raises(TokenDocumentError) as raised:
        check_binding(document(), other, "the store")
    assert raised.value.summary.startswith(f"the tokens in the store are for another {what}: ")
    assert f"Check {setting} and" in raised.value.detail
