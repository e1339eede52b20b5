"""The numbers that incremental plans go on from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NOW, change, desired, live, plan_of

from reconciler.core.model import Severity
from reconciler.core.plan import Action, Population
from reconciler.core.planning.population import count_changes
from reconciler.core.policy import Limit, Policy

GENEROUS = Policy(removals=Limit())


def test_it_is_that_after_the_plan() -> None:
    plan = plan_of(
        [desired("ada"), desired("new"), desired("back")],
        [live("ada"), live("back", active=False), live("gone"), live("other", external_id=None)],
        policy=GENEROUS,
    )
    assert plan.population == Population(users=3, managed=4, active=3, at=NOW)


@pytest.mark.parametrize("left", ["an error", "a withheld change"])
def test_a_plan_that_leaves_a_user_open_has_none(left: str) -> None:
    if left == "an error":
        plan = plan_of([desired("ada"), desired("wrong", failed=True), desired("same"), desired("same")], [])
        assert any(item.severity is Severity.ERROR for item in plan.diagnostics)
    else:
        policy = replace(GENEROUS, permitted=frozenset({Action.UPDATE}))
        plan = plan_of([desired("ada")], [], policy=policy)
        assert plan.tally.withheld
    assert plan.population is None


def test_each_action_counts_once() -> None:
    before = Population(10, 8, 6, NOW)
    counted = {
        action: count_changes(before, [change("ada", action)])
        for action in (Action.CREATE, Action.UPDATE, Action.DEACTIVATE, Action.DELETE)
    }
    assert {action: (found.managed, found.active) for action, found in counted.items()} == {
        Action.CREATE: (9, 7),
        Action.UPDATE: (8, 6),
        Action.DEACTIVATE: (8, 5),
        Action.DELETE: (7, 5),
    }
    assert count_changes(Population(0, 0, 0, NOW), [change("ada", Action.DELETE)]) == Population(0, 0, 0, NOW)
