from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import change, plan_with, values_of

from reconciler.apply.staleness import find_differences, is_mostly_unchanged, is_same_change
from reconciler.core.plan import Action, Change

ADA = change("ada", after=values_of("ada", family="King"))
ADDRESS = ADA.address


def married(names: str, family: str = "King") -> list[Change]:
    return [change(name, after=values_of(name, family=family)) for name in names]


# --- is_same_change ----------------------------------------------------------------------------


def test_a_change_is_the_same_if_it_is_equal() -> None:
    assert is_same_change(ADA, replace(ADA), ())


@pytest.mark.parametrize(
    "new",
    [
        None,
        replace(ADA, after=values_of("ada", family="Byron")),
        replace(ADA, before=values_of("ada", family="Byron")),
        replace(ADA, live_id="another"),
        replace(ADA, action=Action.REACTIVATE),
    ],
)
def test_any_other_change_differs(new: Change | None) -> None:
    assert not is_same_change(ADA, new, ())


def test_a_change_that_was_not_reviewed_differs() -> None:
    assert not is_same_change(None, ADA, ())
    assert not is_same_change(None, ADA, {ADDRESS})


@pytest.mark.parametrize(
    ("rest", "same"),
    [
        (None, True),
        (replace(ADA, before=values_of("ada", department=None)), True),
        (replace(ADA, after=values_of("ada", family="Byron")), False),
        (replace(ADA, live_id="another"), False),
        (replace(ADA, action=Action.DELETE), False),
    ],
)
def test_of_a_change_that_started_any_rest_is_the_same(rest: Change | None, same: bool) -> None:
    assert is_same_change(ADA, rest, {ADDRESS}) is same


# --- find_differences --------------------------------------------------------------------------


def test_equal_plans_have_no_differences() -> None:
    assert find_differences(plan_with(*married("abc")), plan_with(*married("cba")), ()) == []


def test_differences_are_pairs_by_address() -> None:
    reviewed = plan_with(*married("abc"))
    fresh = plan_with(*married("a"), *married("b", "Byron"), *married("d"))
    old, new = ({each.key[0]: each for each in plan.changes} for plan in (reviewed, fresh))
    assert find_differences(reviewed, fresh, ()) == [(old["b"], new["b"]), (old["c"], None), (None, new["d"])]


def test_what_started_and_is_done_is_no_difference() -> None:
    reviewed = plan_with(*married("ab"))
    assert find_differences(reviewed, plan_with(*married("b")), {married("a")[0].address}) == []


# --- is_mostly_unchanged -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reviewed", "same", "other", "mostly"),
    [
        ("abcd", "abcd", "", True),
        ("abcd", "ab", "cd", True),
        ("abcd", "a", "bcd", False),
        ("abcd", "ab", "", True),
        ("abcd", "a", "", False),
        ("ab", "", "ab", False),
        ("abcd", "abcd", "xyz", True),
    ],
)
def test_plans_are_mostly_unchanged_if_half_of_the_reviewed_changes_are_left(
    reviewed: str, same: str, other: str, mostly: bool
) -> None:
    old = plan_with(*married(reviewed))
    new = plan_with(*married(same), *married(other, "Byron"))
    assert is_mostly_unchanged(old, new, find_differences(old, new, ())) is mostly


def test_a_plan_of_nothing_but_differences_is_not_mostly_unchanged() -> None:
    old, new = plan_with(), plan_with(*married("a"))
    assert not is_mostly_unchanged(old, new, find_differences(old, new, ()))
