"""What an apply learns from earlier ones although their records hold digests only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support import builders

from reconciler.apply.selection import defer
from reconciler.core.plan import Action, Change, Outcome, Plan, Result
from reconciler.core.policy import Policy
from reconciler.record.receipt import Receipt, directory_for
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.session.health import assess_health
from reconciler.session.session import Session
from reconciler.session.workspace import Workspace

NOW = datetime.now(UTC)
KEY = Redactor(b"k" * 32)
OTHER = Redactor(b"x" * 32)


def session(root: Path, redactor: Redactor) -> Session:
    profile = SimpleNamespace(quarantine_days=SimpleNamespace(value=30))
    state: Any = SimpleNamespace(profile=profile, policy=Policy(), users=(builders.desired("ada"),))
    workspace = Workspace(root / "desired-state", root / "plans", sandbox=False, now=NOW)
    return Session(workspace, state, builders.TARGET, cast("Any", None), redactor)


def receipt_of(root: Path, plan: Plan, change: Change, result: Result, redactor: Redactor) -> None:
    for _ in range(2):
        receipt = Receipt(directory_for(root / "plans", plan), plan, lambda: NOW, redactor=redactor)
        receipt.finished(Outcome(change, result, 'the name "ada" is taken'))
        receipt.close({result: 1})


@pytest.mark.parametrize(
    ("written", "read", "known"), [(KEY, KEY, True), (NO_REDACTION, NO_REDACTION, True), (KEY, OTHER, False)]
)
def test_names_of_deleted_accounts_are_recognised(
    tmp_path: Path, written: Redactor, read: Redactor, known: bool
) -> None:
    change = builders.change("Ada", Action.DELETE)
    receipt_of(tmp_path, builders.plan_with(change), change, Result.DONE, written)
    assert ("ada@example.com" in session(tmp_path, read).history().reserved) is known


@pytest.mark.parametrize(
    ("written", "read", "known"), [(KEY, KEY, True), (NO_REDACTION, NO_REDACTION, True), (KEY, OTHER, False)]
)
def test_the_names_before_recent_changes_are_recognised(
    tmp_path: Path, written: Redactor, read: Redactor, known: bool
) -> None:
    change = builders.change("ada")
    plan = builders.plan_with(change)
    receipt = Receipt(directory_for(tmp_path / "plans", plan), plan, lambda: NOW, redactor=written)
    receipt.started(change.address, change.action, "live-ada", ["name.givenName"], before=change.before)
    receipt.close({})
    (found,) = session(tmp_path, read).history().recent
    assert ((found.user_names, found.full_names) == (("ada@example.com",), ("ada lovelace",))) is known


@pytest.mark.parametrize(
    ("written", "read", "known"), [(KEY, KEY, True), (NO_REDACTION, KEY, True), (KEY, OTHER, False)]
)
def test_users_that_keep_failing_are_deferred(tmp_path: Path, written: Redactor, read: Redactor, known: bool) -> None:
    change = builders.change("ada", before=builders.values_of("ada", department="Old"))
    plan = builders.plan_with(change)
    receipt_of(tmp_path, plan, change, Result.FAILED, written)
    health = assess_health(session(tmp_path, read), plan)
    deferred = defer(plan, health, NOW)
    assert [outcome.change for outcome in deferred] == ([change] if known else [])
    another = builders.change("ada", before=builders.values_of("ada", department="Older"))
    other_plan = replace(plan, changes=(another,))
    assert defer(other_plan, assess_health(session(tmp_path, read), other_plan), NOW) == [], "it is another change"
