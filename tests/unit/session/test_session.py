from __future__ import annotations

from dataclasses import replace

import pytest
from support.sample_org import account, person
from support.target_workspace import TargetWorkspace

from reconciler.errors import TargetError
from reconciler.record.account_history import AccountHistory
from reconciler.record.redaction import NO_REDACTION
from reconciler.session.session import open_session
from reconciler.session.workspace import SANDBOX_URL


def test_a_session_is_for_the_target_of_the_settings(target: TargetWorkspace) -> None:
    with target.session() as session:
        assert session.target == target.state().target
        assert session.redactor is NO_REDACTION
        assert session.history() == AccountHistory()
        assert session.moved_from() is None


def test_without_a_token_there_is_none(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_TOKEN")
    with pytest.raises(TargetError, match="RECONCILER_TOKEN is not set"), target.session():
        raise AssertionError("the session is open")


def test_receipts_say_when_accounts_were_deactivated(target: TargetWorkspace) -> None:
    target.service.add(account("gone"))
    target.files.settings(
        lifecycle={
            "actions": ["create", "update", "deactivate", "delete"],
            "removed": "deactivate",
            "delete_after_days": 30,
        },
        guards={"removals": {"count": 10, "percent": 100}},
    )
    target.apply()
    with target.session() as session:
        assert len(session.history().deactivated) == 1


def test_applies_to_another_target_are_where_it_moved_from(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    state = target.state()
    with target.session() as session:
        elsewhere = replace(session, target=replace(state.target, base_url="https://other.example.com"))
    assert elsewhere.moved_from() == state.target.base_url


def test_the_sandbox_needs_no_token_and_is_filled_once(
    target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECONCILER_TOKEN")
    workspace = replace(target.workspace, sandbox=True)
    for _ in range(2):
        with open_session(workspace, target.state(), target.terminal) as session:
            assert session.target.base_url == SANDBOX_URL
    assert target.terminal.notes == [f"Made a sandbox with the sample company's live users: {workspace.sandbox_file}"]
