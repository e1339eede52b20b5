from pathlib import Path

import pytest

from reconciler.sandbox import admin
from reconciler.sandbox.sandbox_error import SandboxError


def test_two_tokens_and_no_third(state: Path) -> None:
    first, second = admin.issue_token(state), admin.issue_token(state)
    assert first != second
    with pytest.raises(SandboxError, match="two access tokens already"):
        admin.issue_token(state)
    admin.revoke_token(state, first)
    third = admin.issue_token(state)
    admin.expire_token(state, third)
    with pytest.raises(SandboxError, match="only access token can't be revoked"):
        admin.revoke_token(state, second)
    with pytest.raises(SandboxError, match="no such access token"):
        admin.revoke_token(state, "other")


def test_an_account_needs_a_free_name(state: Path) -> None:
    admin.add_account(state, "Boss@example.com", "admin")
    admin.add_account(state, "boss@example.com", "personal")
    assert [(row["userName"], row["source"]) for row in admin.list_accounts(state)] == [
        ("boss@example.com", "personal")
    ]
    admin.remove_account(state, "BOSS@example.com")
    assert admin.list_accounts(state) == []
    with pytest.raises(SandboxError, match="There is no user"):
        admin.sign_in(state, "boss@example.com")
