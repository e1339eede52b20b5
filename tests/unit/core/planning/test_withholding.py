from dataclasses import replace

import pytest
from support.builders import (
    NOW,
    desired,
    live,
    plan_of,
)
from support.small_company import ACCOUNTS, GENEROUS, PEOPLE, actions

from reconciler.core.model import warning
from reconciler.core.planning.guards.approvals import carry_over_approval
from reconciler.core.policy import Approval


def test_after_an_incomplete_read_no_user_is_created_or_removed_and_the_plan_is_blocked() -> None:
    people = [desired("new"), desired("edited", family="King"), desired("back")]
    plan = plan_of(people, [live("edited"), live("back", active=False), live("gone")], problem="page 2 failed")
    assert actions(plan) == {"edited": "update", "back": "reactivate"}
    assert plan.diagnostics == (
        warning("1 create withheld: the live users could not be read completely"),
        warning("1 deactivate withheld: the live users could not be read completely"),
    )
    assert (plan.complete, plan.blocked, plan.tally.withheld) == (False, True, 2)
    assert not carry_over_approval(plan, [Approval(plan.plan_id)], NOW.date()).applyable


def test_while_a_user_is_unidentified_no_user_is_removed() -> None:
    people = [desired("a"), desired("b", failed=True, external_id=None), desired("new")]
    plan = plan_of(people, [live("a"), live("gone"), live("gone2")], policy=GENEROUS)
    assert actions(plan) == {"new": "create"}
    assert plan.diagnostics == (
        warning("2 deactivates withheld: 1 user could not be mapped, so their live accounts are unknown"),
    )
    assert plan.tally.withheld == 2


@pytest.mark.parametrize(
    ("permitted", "left"),
    [
        ({"create", "update", "deactivate"}, {"edited", "manual", "new", "back", "gone", "out"}),
        ({"create"}, {"new"}),
        ({"update"}, {"edited", "manual", "back"}),
        ({"deactivate"}, {"gone", "out"}),
        ({"delete"}, {"late"}),
        (set(), set()),
    ],
)
def test_what_settings_do_not_permit_is_withheld(permitted: set[str], left: set[str]) -> None:
    policy = replace(GENEROUS, delete_after_days=30, permitted=frozenset(permitted))
    plan = plan_of(PEOPLE, ACCOUNTS, policy=policy)
    assert actions(plan).keys() == left
    assert plan.tally.withheld == 7 - len(left)
    assert all(
        item.summary.endswith("lifecycle.actions in settings.yaml does not permit it") for item in plan.diagnostics
    )


def test_a_user_that_waits_for_a_withheld_rename_gets_a_name_taken_error() -> None:
    people = [desired("bob", user_name="robert@example.com"), desired("new", user_name="bob@example.com")]
    plan = plan_of(people, [live("bob")], policy=replace(GENEROUS, permitted=frozenset({"create"})))
    assert plan.changes == ()
    assert [item.address for item in plan.diagnostics] == ['user["bob@example.com"]', None]
