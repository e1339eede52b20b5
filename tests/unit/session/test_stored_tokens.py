from __future__ import annotations

from pathlib import Path

import pytest
from support.builders import APPLE, TARGET

from reconciler.errors import TargetError
from reconciler.oauth.rotation import StoredTokens
from reconciler.session.stored_tokens import connect_by_oauth

SECRET = "cl-s3cret"
CLIENT = {
    "RECONCILER_OAUTH_CLIENT_ID": "SCIM.1",
    "RECONCILER_OAUTH_CLIENT_SECRET": SECRET,
    "RECONCILER_OAUTH_TOKEN_URL": "https://appleid.apple.com/auth/oauth2/v2/token",
}


def test_a_connection_is_made_without_reading_the_store(tmp_path: Path) -> None:
    notes: list[str] = []
    environment = {**CLIENT, "RECONCILER_TOKEN_STORE": f"file:{tmp_path}/tokens", "RECONCILER_TOKEN": " "}
    found = connect_by_oauth(TARGET.base_url, APPLE, (), notes.append, environment)
    assert isinstance(found.tokens, StoredTokens)
    assert found.endpoint.base_url == TARGET.base_url
    assert found.hints is APPLE.refusal_hints
    assert SECRET not in repr(found)
    assert notes == []
    with pytest.raises(TargetError, match="tokens holds no tokens"):
        found.tokens.current()


@pytest.mark.parametrize("missing", [*CLIENT, "RECONCILER_TOKEN_STORE"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    environment = {**CLIENT, "RECONCILER_TOKEN_STORE": f"file:{tmp_path}/tokens", missing: ""}
    with pytest.raises(TargetError, match=f"^{missing} is not set"):
        connect_by_oauth(TARGET.base_url, APPLE, (), print, environment)


def test_the_service_must_be_allowed_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"the token may not be sent to scim\.example\.com"):
        connect_by_oauth("https://scim.example.com", APPLE, (), print, {})


def test_a_static_token_is_noted() -> None:
    notes: list[str] = []
    with pytest.raises(TargetError):
        connect_by_oauth(TARGET.base_url, APPLE, (), notes.append, {"RECONCILER_TOKEN": "tok-s3cret"})
    assert notes == ["RECONCILER_TOKEN is set, but not used: target.auth is oauth."]
