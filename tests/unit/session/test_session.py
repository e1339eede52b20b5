from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

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
    assert target.terminal.notes == [f"Made a sandbox with no users: {workspace.sandbox_file}"]


@pytest.mark.parametrize(
    ("offset", "days"),
    [(None, 0), (timedelta(days=-12), 12), (timedelta(days=12), 0), (timedelta(0), 0)],
    ids=["unknown", "behind", "ahead", "right"],
)
def test_approvals_are_judged_by_the_later_day(target: TargetWorkspace, offset: timedelta | None, days: int) -> None:
    with target.session() as session:
        session.observe_clock(offset)
        assert session.approval_date == (datetime.now(UTC) + timedelta(days=days)).date()


def test_an_approval_date_ahead_of_both_clocks_is_that_of_the_plan(target: TargetWorkspace) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    with target.session() as session:
        ahead = replace(session, workspace=replace(session.workspace, now=later))
        ahead.observe_clock(timedelta(days=-12))
        assert ahead.approval_date == later.date()


def test_a_service_beyond_the_last_day_is_at_the_last_day(target: TargetWorkspace) -> None:
    with target.session() as session:
        session.observe_clock(timedelta(days=-365 * 9_000))
        assert session.approval_date == date.max


@pytest.mark.parametrize(
    ("offset", "ahead"),
    [
        (None, None),
        (timedelta(minutes=5), None),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=6), timedelta(minutes=-6)),
        (timedelta(hours=-25), timedelta(hours=25)),
    ],
)
def test_clocks_that_agree_are_one(target: TargetWorkspace, offset: timedelta | None, ahead: timedelta | None) -> None:
    with target.session() as session:
        assert session.service_ahead is None
        session.observe_clock(offset)
        assert session.service_ahead == ahead
