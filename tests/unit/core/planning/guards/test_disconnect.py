from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import change, desired, live, plan_of
from support.guard_verdicts import verdicts

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.guards.disconnect import check_disconnect
from reconciler.core.policy import Approval, Policy

OURS = Guard("tenant", passed=True, message="")
CUT = "The connection was cut, or the token belongs to another tenant"
NAMES = ("a", "b", "c", "d")


def verdict(*accounts: LiveUser, tenant: Guard = OURS, **fields: Any) -> Guard:
    context = GuardContext([change("new", Action.CREATE)], [], [], None, {}, live=accounts)
    return check_disconnect(replace(context, **fields), tenant)


def test_it_says_how_many_accounts_are_gone_and_how() -> None:
    gone = verdict(lost=frozenset("abcd"))
    assert gone == Guard(
        "disconnect",
        passed=False,
        message=f"4 of 4 accounts that earlier applies left active are gone: 4 not listed. {CUT}",
    )
    listed = [live(who, id=who, external_id=None) for who in "ab"]
    assert verdict(*listed, lost=frozenset("abcdefghi"), there={"x"}).message == (
        "9 of 10 accounts that earlier applies left active are gone: 7 not listed, 2 listed without an externalId. "
        f"{CUT}"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"changes": ()}, "not checked: the plan has no changes, or the read is incomplete"),
        ({"read_problem": "page 2 is short"}, "not checked: the plan has no changes, or the read is incomplete"),
        ({"tenant": replace(OURS, passed=False)}, "not checked: the guard tenant judges whose accounts these are"),
        ({"lost": frozenset()}, "no account that earlier applies left active is gone"),
        ({"lost": {"a"}}, "1 of 1 account that earlier applies left active is gone: 1 not listed"),
        ({"there": {"z"}}, "4 of 5 accounts that earlier applies left active are gone: 4 not listed"),
    ],
)
def test_it_passes_what_others_judge_and_what_was_no_disconnect(fields: dict[str, Any], message: str) -> None:
    found = verdict(**{"lost": frozenset("abcd"), **fields})
    assert found == Guard("disconnect", passed=True, message=message)


def test_without_a_record_it_passes() -> None:
    assert verdicts(*[change(who, Action.CREATE) for who in NAMES], managed=0)["disconnect"].passed


@pytest.mark.parametrize(("accounts", "actions"), [([], {Action.CREATE}), (NAMES, {Action.ADOPT})])
def test_accounts_are_made_or_adopted_again_only_by_an_approval_that_names_it(
    accounts: list[str], actions: set[Action]
) -> None:
    there = [live(who, id=who, external_id=None) for who in accounts]
    people = [desired(who) for who in NAMES]
    plan = plan_of(people, there, recorded=NAMES)
    assert {each.action for each in plan.changes} == actions
    assert [guard.name for guard in plan.guards if guard.blocks] == ["disconnect"], "one cause, one message"
    for lifts, blocked in (("removals", True), ("tenant", True), ("disconnect", False)):
        policy = Policy(approvals=(Approval(plan.plan_id, lifts=frozenset({lifts})),))
        assert plan_of(people, there, recorded=NAMES, policy=policy).blocked is blocked


def test_accounts_with_new_ids_and_the_same_external_ids_are_there() -> None:
    there = [live(who, id=f"new-{who}", user_name=f"old-{who}@example.com") for who in NAMES]
    plan = plan_of([desired(who) for who in NAMES], there, recorded=NAMES)
    assert plan.changes
    assert not plan.blocked
