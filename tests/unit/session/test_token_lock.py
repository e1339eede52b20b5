from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import LockedError
from reconciler.oauth.token_document import TokenBinding
from reconciler.session import token_lock
from reconciler.session.token_lock import build_token_lock_name, hold_token_lock

BINDING = TokenBinding("SCIM.1", "https://appleid.apple.com/auth/oauth2/v2/token", "https://scim.example/v2")


def test_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(token_lock, "_SECONDS", 0.5)
    said: list[str] = []
    with hold_token_lock(BINDING, said.append):
        with (
            pytest.raises(LockedError, match=r"^another refresh of the tokens of this connection is running"),
            hold_token_lock(replace(BINDING, base_url="https://other.example"), said.append),
        ):
            pass
        with hold_token_lock(replace(BINDING, client_id="SCIM.2"), said.append):
            pass
    assert len(said) == 1
    with hold_token_lock(BINDING, said.append):
        pass
    assert (tmp_path / "reconciler/locks" / build_token_lock_name(BINDING)).is_file()
