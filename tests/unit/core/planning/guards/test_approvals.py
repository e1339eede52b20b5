from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.builders import TODAY
from support.guard_verdicts import verdicts

from reconciler.core.model import Origin, Severity
from reconciler.core.plan import Guard
from reconciler.core.planning.guards.approvals import apply_approvals, report_spent
from reconciler.core.policy import APPROVABLE_GUARDS, FINAL_GUARDS, Approval

PLAN = "sha256:" + "a" * 64
PASSED = Guard("updates", passed=True, message="fine")
FAILED = Guard("removals", passed=False, message="too many")
NEVER = Guard("protected", passed=False, message="no", approvable=False)


@pytest.mark.parametrize(
    ("approval", "refusal"),
    [
        (Approval(PLAN), None),
        (Approval(PLAN, removals=42), None),
        (Approval(PLAN, removals=41), "is for 41 removals, and the plan has 42"),
        (Approval(PLAN, removals=0), "is for 0 removals, and the plan has 42"),
        (Approval(PLAN, until=TODAY), None),
        (Approval(PLAN, until=TODAY + timedelta(days=1)), None),
        (Approval(PLAN, until=TODAY - timedelta(days=1)), "expired on 2026-02-28"),
        (Approval(PLAN, removals=42, until=TODAY - timedelta(days=1)), "expired on 2026-02-28"),
        (Approval(PLAN, used=TODAY), "was used on 2026-03-01"),
        (Approval(PLAN, lifts=frozenset({"removals", "updates"})), None),
        (Approval(PLAN, lifts=frozenset({"updates", "target"})), "does not lift removals: it names target, updates"),
    ],
)
def test_an_approval_names_one_plan_its_guards_its_removals_and_a_day(approval: Approval, refusal: str | None) -> None:
    approval = replace(approval, id="x", origin=Origin("settings.yaml", 9, 5))
    passed, failed, never = apply_approvals([PASSED, FAILED, NEVER], [approval], PLAN, 42, TODAY)
    assert passed == PASSED
    assert never == NEVER
    if refusal is None:
        assert failed == replace(FAILED, approved=True, approved_by="x", approval="lifted by settings.yaml:9:5")
    else:
        assert failed == replace(FAILED, approval=f"settings.yaml:9:5 {refusal}")
    assert (failed.blocks, never.blocks) == (refusal is not None, True)


@pytest.mark.parametrize("plan", ["sha256:" + "b" * 64, PLAN[:20], ""])
def test_an_approval_of_another_plan_says_nothing(plan: str) -> None:
    assert apply_approvals([FAILED], [Approval(plan)], PLAN, 42, TODAY) == (FAILED,)


def test_an_approval_covers_the_guards_that_it_names_only() -> None:
    """A guard that fails later was not approved: the last active user fell."""
    last = Guard("last-active-user", passed=False, message="the last active managed user would be removed")
    removals, other = apply_approvals([FAILED, last], [Approval(PLAN)], PLAN, 42, TODAY)
    assert removals.approved
    assert other == replace(last, approval="--approve does not lift last-active-user: it names removals")
    both = [Approval(PLAN), Approval(PLAN, lifts=frozenset({"last-active-user"}))]
    assert all(guard.approved for guard in apply_approvals([FAILED, last], both, PLAN, 42, TODAY))


def test_all_refusals_are_noted() -> None:
    approvals = [Approval(PLAN, removals=1), Approval(PLAN, used=TODAY, origin=Origin("settings.yaml", 9, 5))]
    (guard,) = apply_approvals([FAILED], approvals, PLAN, 42, TODAY)
    assert guard.approval == (
        "--approve is for 1 removals, and the plan has 42; settings.yaml:9:5 was used on 2026-03-01"
    )


def test_spent_approvals_are_reported() -> None:
    origin = Origin("settings.yaml", 9, 5)
    used = Approval(PLAN, until=TODAY, used=TODAY, origin=origin)
    expired = Approval(PLAN, until=TODAY - timedelta(days=1), origin=origin)
    valid = [Approval(PLAN), Approval("sha256:" + "b" * 64, until=TODAY, origin=origin)]
    assert [(item.severity, item.summary, item.origin) for item in report_spent([used, expired, *valid], TODAY)] == [
        (Severity.WARNING, "the approval was used on 2026-03-01", origin),
        (Severity.WARNING, "the approval expired on 2026-02-28", origin),
    ]


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
        "disconnect": True,
    }


def test_the_guards_that_an_approval_can_name_are_those_that_there_are() -> None:
    found = verdicts(problem="x")
    assert {name for name, guard in found.items() if guard.approvable} == set(APPROVABLE_GUARDS)
    assert {name for name, guard in found.items() if not guard.approvable} == set(FINAL_GUARDS)
