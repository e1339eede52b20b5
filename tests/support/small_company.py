"""Users and accounts for each decision that a plan can make about a user."""

from __future__ import annotations

from datetime import timedelta

from reconciler.core.plan import Plan
from reconciler.core.policy import Limit, Policy
from support.builders import NOW, OUT, desired, live

GENEROUS = Policy(removals=Limit())


def actions(plan: Plan) -> dict[str, str]:
    """Return the action for each user of the plan, by the name before the `@`."""
    assert len({change.address for change in plan.changes}) == len(plan.changes)
    return {change.key.removesuffix("@example.com"): change.action.value for change in plan.changes}


PEOPLE = [
    desired("new"),
    desired("same"),
    desired("edited", family="King"),
    desired("manual"),
    desired("back"),
    desired("out", verdict=OUT),
    desired("late", verdict=OUT),
    desired("never", verdict=OUT),
    desired("wrong", failed=True),
]
ACCOUNTS = [
    live("same"),
    live("edited"),
    live("manual", external_id=None),
    live("back", active=False),
    live("out"),
    live("late", active=False, last_modified=(NOW - timedelta(days=60)).isoformat()),
    live("gone"),
    live("wrong"),
    live("other", external_id=None),
]
