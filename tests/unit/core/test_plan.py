from dataclasses import replace

import pytest
from support.builders import change, plan_of, plan_with, rename, values_of

from reconciler.core.plan import REMOVALS, Action, AttributeChange, Base, Guard, LaterEdit, Outcome, Result

PASSED = Guard("target", passed=True, message="")
APPROVABLE = Guard("removals", passed=False, message="too many")
FINAL = Guard("complete-read", passed=False, message="page 2 is short", approvable=False)


def test_the_attribute_changes_are_those_that_differ_by_path() -> None:
    before = {"userName": "a", "title": "x", "active": True}
    found = change(before=before, after={"userName": "b", "active": True, "nickName": "n"}).attribute_changes()
    assert found == (
        AttributeChange("nickName", None, "n"),
        AttributeChange("title", "x", None),
        AttributeChange("userName", "a", "b"),
    )


def test_a_change_without_different_values_has_no_attribute_changes() -> None:
    assert change(before=values_of(), after=values_of()).attribute_changes() == ()


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("ada@example.com", 'user["ada@example.com"]'),
        ('a"b', r'user["a\"b"]'),
        ("a\\b", r'user["a\\b"]'),
    ],
)
def test_the_address_quotes_the_key(key: str, address: str) -> None:
    assert change(key=key).address == LaterEdit(key, "").address == address


@pytest.mark.parametrize(
    ("guard", "blocks"),
    [
        (PASSED, False),
        (APPROVABLE, True),
        (replace(APPROVABLE, approved=True), False),
        (FINAL, True),
    ],
)
def test_a_guard_blocks_unless_it_passed_or_was_approved(guard: Guard, blocks: bool) -> None:
    assert guard.blocks is blocks
    plan = plan_with(change(), guards=(PASSED, guard))
    assert (plan.blocked, plan.applyable) == (blocks, not blocks)


@pytest.mark.parametrize(("guard", "blocked"), [(APPROVABLE, False), (FINAL, True)])
def test_only_a_final_guard_blocks_an_offline_plan(guard: Guard, blocked: bool) -> None:
    plan = plan_with(change(), guards=(guard,), base=Base("main", "c" * 40, offline=True))
    assert (plan.offline, plan.blocked, plan.applyable) == (True, blocked, False)


def test_a_plan_against_a_base_can_be_applied() -> None:
    plan = plan_with(change(), guards=(), base=Base("main", "c" * 40))
    assert (plan.offline, plan.blocked, plan.applyable) == (False, False, True)


def test_a_plan_without_changes_has_nothing_to_apply() -> None:
    plan = plan_of()
    assert (plan.changes, plan.blocked, plan.applyable) == ((), False, False)


def test_changes_are_counted_by_action() -> None:
    plan = plan_with(change("a"), change("b", Action.DELETE), change("c", Action.DEACTIVATE), rename("d", "e"))
    assert (plan.count(Action.UPDATE), plan.count(*REMOVALS), plan.count(Action.CREATE), plan.count()) == (2, 2, 0, 0)


def test_a_base_is_shown_by_its_short_commit() -> None:
    assert str(Base("main", "0123456789abcdef" * 2)) == "commit 0123456789ab"


def test_outcomes_are_equal_whatever_their_duration() -> None:
    done = Outcome(change(), Result.DONE, seconds=1)
    assert done == replace(done, seconds=2)
    assert done != replace(done, status=500)
