from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.builders import OUT, desired, live, plan_of

from reconciler.core.model import Value
from reconciler.core.plan import Action
from reconciler.core.planning.unconfirmed_writes import UnconfirmedWrite
from reconciler.core.policy import Policy, Removal

SENT = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


def written(old: Mapping[str, Value | None], who: str = "ada") -> dict[str, UnconfirmedWrite]:
    """A change of an account whose attributes had these values before it."""

    def is_old(path: str, value: Value | None) -> bool:
        return path in old and old[path] == value

    return {f"live-{who}": UnconfirmedWrite(SENT, SENT + timedelta(hours=1), is_old)}


@pytest.mark.parametrize("path", ["active", "name.familyName", "id"])
def test_old_values_that_equal_the_desired_ones_prove_nothing(path: str) -> None:
    accounts = [live("ada"), live("bob")]
    old = {path: {**accounts[0].attributes, "id": "live-ada"}[path]}
    plan = plan_of([desired("ada"), desired("bob")], accounts, unconfirmed=written(old))
    (found,) = plan.diagnostics
    assert 'yet, which it accepted at 2026-03-01 11:30 UTC (account "live-ada")' in found.summary
    assert "whether it is as desired is not known" in str(found.detail)
    assert "2026-03-01 12:30 UTC" in str(found.detail)
    assert (found.address, plan.tally.failed, plan.tally.unchanged) == ('user["ada@example.com"]', 1, 1)


def test_another_value_than_before_the_change_is_the_present_one() -> None:
    plan = plan_of([desired("ada")], [live("ada")], unconfirmed=written({"active": False}))
    assert (plan.diagnostics, plan.tally.unchanged) == ((), 1)


def test_an_attribute_that_is_not_mapped_is_no_reason() -> None:
    plan = plan_of([desired("ada")], [live("ada")], unconfirmed=written({"nickName": None}))
    assert plan.diagnostics == ()


def test_a_change_that_is_sent_again_needs_no_error() -> None:
    plan = plan_of([desired("ada", active=False)], [live("ada")], unconfirmed=written({"active": True}))
    assert ([change.action for change in plan.changes], plan.diagnostics) == ([Action.DEACTIVATE], ())


def test_a_change_of_another_attribute_is_made_all_the_same() -> None:
    plan = plan_of([desired("ada", family="King")], [live("ada")], unconfirmed=written({"active": True}))
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    assert (len(plan.diagnostics), plan.tally.unchanged) == (1, 0)


@pytest.mark.parametrize("in_git", [True, False])
def test_a_leaver_that_may_be_active_again_is_an_error(*, in_git: bool) -> None:
    people = [replace(desired("ada"), verdict=OUT)] if in_git else []
    accounts = [live("ada", active=False), live("bob")]
    plan = plan_of([*people, desired("bob")], accounts, unconfirmed=written({"active": False}))
    (found,) = plan.diagnostics
    assert "does not show a change of active yet" in found.summary
    assert (plan.changes, plan.tally.failed) == ((), 1)


def test_of_a_leaver_only_the_access_matters() -> None:
    plan = plan_of([], [live("ada", active=False)], unconfirmed=written({"name.givenName": "Ada", "userName": "x"}))
    assert plan.diagnostics == ()


def test_a_leaver_that_is_kept_is_no_error() -> None:
    policy = Policy(removed=Removal.KEEP)
    plan = plan_of([], [live("ada", active=False)], unconfirmed=written({"active": False}), policy=policy)
    assert plan.diagnostics == ()


def test_the_removal_of_an_account_needs_no_error() -> None:
    plan = plan_of([desired("bob")], [live("ada"), live("bob")], unconfirmed=written({"userName": "ada@example.com"}))
    assert ([change.action for change in plan.changes], plan.diagnostics) == ([Action.DEACTIVATE], ())


def test_many_accounts_are_one_error() -> None:
    names = [f"user{number}" for number in range(20)]
    writes = {key: each for name in names for key, each in written({"active": True}, name).items()}
    plan = plan_of([desired(name) for name in names], [live(name) for name in names], unconfirmed=writes)
    (found,) = plan.diagnostics
    assert "does not show changes of 20 accounts yet that it accepted" in found.summary
    assert (plan.tally.failed, plan.tally.unchanged) == (20, 0)
