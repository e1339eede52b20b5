from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.builders import OUT, desired, live, request

from reconciler.core.model import AwaitedAccount
from reconciler.core.plan import Action
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState
from reconciler.core.planning.unseen_accounts import explain_hidden
from reconciler.core.policy import Policy, Removal

CREATED = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
AWAITED = AwaitedAccount('GN-"1"', CREATED, CREATED + timedelta(hours=1))
HIDDEN = {"live-ada": datetime(2026, 2, 3, tzinfo=UTC)}


def test_an_awaited_account_is_named_with_its_time() -> None:
    (found,) = build_plan(request([desired("ada")]), LiveState([], awaited={"ada@example.com": AWAITED})).diagnostics
    said = r'the service does not show the account "GN-\"1\"" yet, which an apply created for this user at'
    assert found.summary == f"{said} 2026-03-01 11:30 UTC"
    assert "still does not show at 2026-03-01 12:30 UTC" in str(found.detail)
    assert found.address == 'user["ada@example.com"]'


def test_many_awaited_accounts_are_one_error() -> None:
    names = [f"user{number}" for number in range(20)]
    state = LiveState([], awaited={f"{name}@example.com": AWAITED for name in names})
    plan = build_plan(request([desired(name) for name in names]), state)
    (found,) = plan.diagnostics
    first = '"user0@example.com", "user10@example.com", "user11@example.com" and 17 more'
    assert found.summary == f"the service does not show 20 accounts yet that applies created: {first}"
    assert "The first was created at 2026-03-01 11:30 UTC." in str(found.detail)
    assert (plan.changes, plan.tally.failed) == ((), 20)


def test_a_user_whose_account_is_awaited_is_not_created() -> None:
    state = LiveState([], awaited={"ada@example.com": AWAITED})
    plan = build_plan(request([desired("ada"), desired("bob")]), state)
    assert [change.key for change in plan.changes] == ["bob@example.com"]
    assert plan.tally.failed == 1


def test_a_hidden_account_of_a_user_in_scope_is_reactivated() -> None:
    known = replace(live("ada", active=False), attributes={"externalId": "id-ada", "active": False})
    (change,) = build_plan(request([desired("ada")]), LiveState([known], hidden=HIDDEN)).changes
    assert (change.action, change.live_id) == (Action.REACTIVATE, "live-ada")
    assert change.detail == explain_hidden(HIDDEN["live-ada"])
    assert "2026-02-03" in change.detail


def test_a_hidden_account_that_is_to_be_inactive_is_as_desired() -> None:
    known = replace(live("ada", active=False), attributes={"externalId": "id-ada", "active": False})
    state = LiveState([known, live("bob")], hidden=HIDDEN)
    plan = build_plan(request([desired("ada", active=False), desired("bob")]), state)
    assert (plan.changes, plan.diagnostics, plan.tally.unchanged) == ((), (), 2)


def test_a_hidden_account_of_a_user_out_of_scope_is_left_alone() -> None:
    known = live("ada", active=False)
    plan = build_plan(
        request([desired("ada", verdict=OUT), desired("bob")]), LiveState([known, live("bob")], hidden=HIDDEN)
    )
    assert (plan.changes, plan.diagnostics) == ((), ())


@pytest.mark.parametrize(("count", "said"), [(1, 'the account "1" yet'), (9, '"1", "2", "3" and 6 more')])
def test_an_account_that_is_not_shown_and_has_no_user_is_an_error(count: int, said: str) -> None:
    unshown = [AwaitedAccount(str(number + 1), CREATED, CREATED + timedelta(hours=1)) for number in range(count)]
    plan = build_plan(request([desired("ada")]), LiveState([live("ada")], unshown=unshown))
    (found,) = plan.diagnostics
    assert said in found.summary
    assert "2026-03-01 12:30 UTC counts as lost" in str(found.detail)
    assert plan.tally.failed == count


def test_an_account_that_would_be_kept_is_no_error() -> None:
    policy = Policy(removed=Removal.KEEP, out_of_scope=Removal.KEEP)
    plan = build_plan(request([desired("ada")], policy=policy), LiveState([live("ada")], unshown=[AWAITED]))
    assert plan.diagnostics == ()


@pytest.mark.parametrize(("user_name", "passes"), [("", True), ("old@example.com", False)])
def test_the_guard_does_not_judge_a_hidden_account_without_a_name_on_record(user_name: str, *, passes: bool) -> None:
    known = {"userName": user_name} if user_name else {}
    account = live("ada", active=False, user_name=user_name)
    account = replace(account, attributes={"externalId": "id-ada", "active": False, **known})
    plan = build_plan(request([desired("ada")]), LiveState([account], hidden=HIDDEN))
    (guard,) = [each for each in plan.guards if each.name == "identity-changes"]
    assert [each.action for each in plan.changes] == [Action.REACTIVATE]
    assert guard.passed is passes
    assert plan.changes[0].detail.endswith("its present user name is not known") is passes


def test_the_guard_judges_an_account_that_is_shown_without_a_name() -> None:
    account = live("ada", active=False, user_name="")
    account = replace(account, attributes={"externalId": "id-ada", "active": False})
    plan = build_plan(request([desired("ada")]), LiveState([account]))
    assert not next(each for each in plan.guards if each.name == "identity-changes").passed
