from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import change
from support.guard_verdicts import people, some, verdicts

from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.limits import (
    check_creates,
    check_reactivations,
    check_removals,
    check_updates,
)
from reconciler.core.policy import Limit, Policy


@pytest.mark.parametrize(
    ("managed", "limit", "count", "passed", "rule"),
    [
        # count and percent: whichever trips first
        (100, Limit(10, 10), 10, True, "count: 10"),
        (100, Limit(10, 10), 11, False, "count: 10"),
        (1_000, Limit(10, 10), 11, False, "count: 10"),
        (1_000, Limit(10, 10), 10, True, "count: 10"),
        (50, Limit(10, 10), 5, True, "percent: 10"),
        (50, Limit(10, 10), 6, False, "percent: 10"),
        (59, Limit(10, 10), 5, True, "percent: 10"),
        (59, Limit(10, 10), 6, False, "percent: 10"),
        # one of them alone
        (1_000, Limit(10), 10, True, "count: 10"),
        (1_000, Limit(10), 11, False, "count: 10"),
        (1_000, Limit(None, 10), 100, True, "percent: 10"),
        (1_000, Limit(None, 10), 101, False, "percent: 10"),
        (200, Limit(None, 0.5), 1, True, "percent: 0.5"),
        (200, Limit(None, 0.5), 2, False, "percent: 0.5"),
        (100, Limit(None, 7), 7, True, "percent: 7"),
        (100, Limit(0), 1, False, "count: 0"),
        (100, Limit(0), 0, True, "count: 0"),
        # tiny tenants: percent never forbids as few as the floor
        (1, Limit(10, 10), 1, True, "percent: 10"),
        (9, Limit(10, 10), 1, True, "percent: 10"),
        (9, Limit(10, 10), 2, False, "percent: 10"),
        (9, Limit(10, 10, floor=2), 2, True, "percent: 10"),
        (9, Limit(10, 10, floor=2), 3, False, "percent: 10"),
        (9, Limit(10, 10, floor=0), 1, False, "percent: 10"),
        # the floor is no excuse from count
        (9, Limit(1, 10, floor=5), 2, False, "count: 1"),
    ],
)
@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("removals", [Action.DEACTIVATE, Action.DELETE]),
        ("updates", [Action.UPDATE, Action.ADOPT, Action.REACTIVATE]),
        ("creates", [Action.CREATE]),
    ],
)
def test_limits(  # noqa: PLR0917 - the columns of the table
    name: str, actions: list[Action], managed: int, limit: Limit, count: int, passed: bool, rule: str
) -> None:
    policy = Policy(**{"removals": Limit(), name: limit})  # type: ignore[arg-type]
    changes = [change(f"u{number}", actions[number % len(actions)]) for number in range(count)]
    found = verdicts(*changes, managed=managed, policy=policy)[name]
    assert (found.passed, found.approvable) == (passed, True)
    assert found.message.endswith(f"(guards.{name}.{rule})")


def test_the_message_of_a_limit_has_its_numbers() -> None:
    deletions = [change(f"u{number}", Action.DELETE) for number in range(6, 13)]
    found = verdicts(*some(6, Action.DEACTIVATE), *deletions, managed=1_234)["removals"]
    assert found == Guard(
        "removals",
        passed=False,
        message="13 of 1,234 active managed users (1.1 %) would be deactivated or deleted, more than the limit of 10"
        " (guards.removals.count: 10)",
    )


def test_without_a_limit_anything_passes() -> None:
    found = verdicts(*some(100, Action.UPDATE), *some(50, Action.CREATE))
    assert found["updates"] == Guard(
        "updates", passed=True, message="100 of 100 managed users (100.0 %) would be updated; no limit is set"
    )
    assert found["creates"].passed


def test_a_first_run_has_nothing_that_a_percentage_could_protect() -> None:
    policy = Policy(creates=Limit(None, 1))
    assert verdicts(*some(50, Action.CREATE), managed=0, policy=policy)["creates"].passed
    assert not verdicts(*some(50, Action.CREATE), managed=0, policy=Policy(creates=Limit(49, 1)))["creates"].passed


def test_by_default_removals_and_reactivations_are_limited_to_ten_and_ten_percent() -> None:
    assert Policy().removals == Policy().reactivations == Limit(10, 10, 1)
    assert (Policy().updates, Policy().creates) == (Limit(), Limit())


# --- 24 hours: the base is the population before ------------------------------------------------------


def recently(action: Action, *numbers: int, **fields: Any) -> list[RecentChange]:
    return [RecentChange(f'user["u{n}@example.com"]', f"live-u{n}", action, **fields) for n in numbers]


def situation(managed: int, changes: list[Change], recent: list[RecentChange]) -> GuardContext:
    return GuardContext(changes, [], people(managed), None, {}, recent=recent)


def test_an_adoption_of_everybody_goes_on_after_an_interruption_and_later_mistakes_are_caught() -> None:
    """What is left is measured by the users that are managed now, whatever the record says of them."""
    adopted = recently(Action.ADOPT, *range(70))
    rest = [change(f"u{number}", Action.ADOPT) for number in range(70, 100)]
    assert check_updates(situation(70, rest, adopted), Limit(None, 50)).passed
    assert not check_updates(situation(30, rest, adopted[:30]), Limit(None, 50)).passed
    wrong = [change(f"u{number}", Action.UPDATE) for number in range(30)]
    assert not check_updates(situation(30, wrong, adopted), Limit(None, 50)).passed


def test_creates_are_measured_by_the_users_before_them() -> None:
    created = recently(Action.CREATE, *range(50))
    more = [change("new", Action.CREATE)]
    assert not check_creates(situation(100, more, created), Limit(None, 100)).passed
    assert check_creates(situation(101, more, created), Limit(None, 100)).passed
    # A first apply that was interrupted.
    assert check_creates(situation(50, more, created), Limit(None, 1)).passed
    assert not check_creates(situation(50, [*more, change("newer", Action.CREATE)], created), Limit(None, 1)).passed


def test_updates_on_record_are_measured_by_deleted_users_too() -> None:
    updated = recently(Action.UPDATE, *range(49))
    one_more, deleted = [change("u49")], recently(Action.DELETE, 99)
    assert check_updates(situation(99, one_more, [*updated, *deleted]), Limit(None, 50)).passed
    assert not check_updates(situation(99, one_more, updated), Limit(None, 50)).passed


def test_reactivations_are_measured_by_the_users_that_were_active_before() -> None:
    was = {"before": {"active": False}, "after": {"active": True}}
    one_more = [change("back", Action.REACTIVATE, **was)]
    recent = recently(Action.REACTIVATE, *range(9), reactivated=True)
    assert not check_reactivations(situation(108, one_more, recent), Limit(None, 10)).passed
    assert check_reactivations(situation(109, one_more, recent), Limit(None, 10)).passed
    removed = recently(Action.DEACTIVATE, 200)
    assert check_reactivations(situation(108, one_more, [*recent, *removed]), Limit(None, 10)).passed


@pytest.mark.parametrize(
    ("before", "named"),
    [
        ([{"active": False}] * 2, "2 deactivated accounts would become active"),
        ([{}], "1 account that may be deactivated would become active"),
        ([{}, {"active": False}, {}], "3 accounts would become active, 2 of which may be active already"),
    ],
)
def test_accounts_that_are_not_shown_as_deactivated_count_and_are_not_called_so(
    before: list[dict[str, Any]], named: str
) -> None:
    changes = [
        change(f"u{number}", Action.REACTIVATE, before=shown, after={"active": True})
        for number, shown in enumerate(before)
    ]
    found = check_reactivations(situation(9, changes, []), Limit(0, None))
    assert (found.passed, found.message.startswith(f"{named} (")) == (False, True), found.message


# --- 24 hours: newcomers do not raise a limit ----------------------------------------------------------


REVIVED: dict[str, Any] = {"before": {"active": False}, "after": {"active": True}}
CHECKS: dict[str, tuple[Callable[[GuardContext, Limit], Guard], Action, dict[str, Any]]] = {
    "removals": (check_removals, Action.DEACTIVATE, {}),
    "reactivations": (check_reactivations, Action.REACTIVATE, REVIVED),
    "updates": (check_updates, Action.UPDATE, {}),
}


def changing(name: str, *numbers: int) -> list[Change]:
    """The changes of one kind; those that are reactivated are no active users yet."""
    _, action, values = CHECKS[name]
    prefix = "leaver" if action is Action.REACTIVATE else "u"
    return [change(f"{prefix}{number}", action, **values) for number in numbers]


@pytest.mark.parametrize("name", CHECKS)
def test_users_created_on_the_same_day_do_not_raise_a_limit(name: str) -> None:
    check, created = CHECKS[name][0], recently(Action.CREATE, *range(40, 100))
    assert check(situation(100, changing(name, *range(4)), created), Limit(None, 10)).passed
    assert not check(situation(100, changing(name, *range(5)), created), Limit(None, 10)).passed
    assert check(situation(100, changing(name, *range(5)), []), Limit(None, 10)).passed


@pytest.mark.parametrize("name", ["removals", "updates"])
def test_users_adopted_on_the_same_day_do_not_raise_a_limit(name: str) -> None:
    check, adopted = CHECKS[name][0], recently(Action.ADOPT, 40, 41)
    assert not check(situation(42, changing(name, *range(5)), adopted), Limit(None, 12)).passed
    assert check(situation(42, changing(name, *range(5)), []), Limit(None, 12)).passed


def test_the_message_says_how_many_were_there_before() -> None:
    found = check_removals(
        situation(100, changing("removals", *range(8)), recently(Action.CREATE, *range(40, 100))), LIMIT
    )
    assert found.message == (
        "8 of 100 active managed users (8.0 %) would be deactivated or deleted, 20.0 % of the 40 that were there "
        "before the last 24 hours, more than the limit of 4 (guards.removals.percent: 10)"
    )


LIMIT = Limit(10, 10)


@pytest.mark.parametrize("name", CHECKS)
def test_newcomers_are_measured_by_all_users(name: str) -> None:
    """After a first apply, or a pilot of five users, the day goes on; mistakes are found all the same."""
    check = CHECKS[name][0]
    for pilot in (0, 5) if name != "reactivations" else (5,):
        created = recently(Action.CREATE, *range(pilot, 100))
        changes = changing(name, *range(90, 92)) if name != "reactivations" else changing(name, 1)
        assert check(situation(100, changes, created), LIMIT).passed
        assert not check(situation(100, changing(name, *range(80, 91)), created), LIMIT).passed


def test_adoptions_in_slices_are_measured_by_the_users_before_them() -> None:
    adopted = recently(Action.ADOPT, *range(100, 140))
    more = [change(f"n{number}", Action.ADOPT) for number in range(15)]
    assert not check_updates(situation(140, more, adopted), Limit(None, 50)).passed
    assert check_updates(situation(140, more[:10], adopted), Limit(None, 50)).passed


# --- the record adds to what counts, and takes nothing from it ------------------------------------------

LIMITS: dict[str, tuple[Callable[[GuardContext, Limit], Guard], Action, dict[str, Any]]] = {
    **CHECKS,
    "creates": (check_creates, Action.CREATE, {}),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("action", [Action.DELETE, Action.DEACTIVATE, Action.ADOPT])
def test_changes_on_record_of_accounts_that_nobody_knows_raise_no_limit(name: str, action: Action) -> None:
    check, kind, values = LIMITS[name]
    planned = [change(f"{kind}{number}", kind, **values) for number in range(10)]
    invented = recently(action, *range(1_000, 1_060))
    if name == "removals":
        planned = changing(name, *range(10))
    assert not check(situation(40, planned, []), LIMIT).passed
    assert not check(situation(40, planned, invented), LIMIT).passed


@st.composite
def records(draw: st.DrawFn) -> list[RecentChange]:
    """Any changes, of accounts that exist, that the plan changes, or that nobody knows."""
    actions = draw(st.sets(st.sampled_from(sorted(Action)), min_size=1, max_size=2))
    made = st.builds(
        lambda number, action, active, revived, lifted: RecentChange(
            f'user["u{number}@example.com"]', f"live-u{number}", action, active, revived, lifted
        ),
        st.integers(0, 60),
        st.sampled_from(sorted(actions)),
        st.booleans(),
        st.booleans(),
        st.sampled_from([frozenset[str]()] * 3 + [frozenset(LIMITS)]),
    )
    return draw(st.lists(made, min_size=1, max_size=60))


@pytest.mark.parametrize("name", LIMITS)
@given(
    record=records(),
    numbers=st.integers(1, 15).map(range),
    managed=st.integers(1, 20),
    limit=st.builds(Limit, st.none() | st.integers(0, 15), st.sampled_from([None, 5, 10, 50, 100]), st.integers(0, 2)),
    adopting=st.booleans(),
)
def test_no_record_makes_a_limit_pass_that_fails_without_it(
    name: str, record: list[RecentChange], numbers: range, managed: int, limit: Limit, *, adopting: bool
) -> None:
    check, action, values = LIMITS[name]
    action = Action.ADOPT if adopting and action is Action.UPDATE else action
    changes = [change(f"u{number}", action, **values) for number in numbers]
    assert not check(situation(managed, changes, record), limit).passed or (
        check(situation(managed, changes, []), limit).passed
    )
