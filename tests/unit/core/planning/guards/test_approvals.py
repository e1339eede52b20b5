from datetime import timedelta
from typing import Any

import pytest
from support.builders import TODAY
from support.guard_verdicts import verdicts

from reconciler.core.plan import Guard
from reconciler.core.planning.guards.approvals import apply_approvals
from reconciler.core.policy import Approval

PLAN = "sha256:" + "a" * 64
PASSED = Guard("updates", passed=True, message="fine")
FAILED = Guard("removals", passed=False, message="too many")
NEVER = Guard("protected", passed=False, message="no", approvable=False)


@pytest.mark.parametrize(
    ("approval", "approved"),
    [
        (Approval(PLAN), True),
        (Approval(PLAN, removals=42), True),
        (Approval(PLAN, removals=41), False),
        (Approval(PLAN, removals=0), False),
        (Approval("sha256:" + "b" * 64), False),
        (Approval(PLAN[:20]), False),
        (Approval(PLAN, until=TODAY), True),
        (Approval(PLAN, until=TODAY + timedelta(days=1)), True),
        (Approval(PLAN, until=TODAY - timedelta(days=1)), False),
        (Approval(PLAN, removals=42, until=TODAY - timedelta(days=1)), False),
    ],
)
def test_an_approval_names_one_plan_its_removals_and_a_day(approval: Approval, approved: bool) -> None:
    passed, failed, never = apply_approvals([PASSED, FAILED, NEVER], [approval], PLAN, 42, TODAY)
    assert passed == PASSED
    assert never == NEVER
    assert failed == Guard("removals", passed=False, message="too many", approved=approved)
    assert (failed.blocks, never.blocks) == (not approved, True)


def test_one_valid_approval_among_others_is_enough_and_none_is_not() -> None:
    wrong = Approval("sha256:" + "b" * 64)
    assert apply_approvals([FAILED], [wrong, Approval(PLAN)], PLAN, 42, TODAY)[0].approved
    assert not apply_approvals([FAILED], [wrong], PLAN, 42, TODAY)[0].approved
    assert not apply_approvals([FAILED], [], PLAN, 42, TODAY)[0].approved


def test_which_guards_an_approval_can_lift() -> None:
    found: dict[str, Any] = {name: guard.approvable for name, guard in verdicts(problem="x").items()}
    assert found == {
        "complete-read": False,
        "removals": True,
        "reactivations": True,
        "updates": True,
        "creates": True,
        "protected": False,
        "last-active-user": True,
        "foreign-accounts": True,
        "empty-desired-state": True,
        "name-reuse": True,
        "name-takeovers": True,
        "identity-changes": True,
        "relink": True,
        "target": True,
        "tenant": True,
    }
