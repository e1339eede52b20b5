import pytest
from support.builders import change
from support.guard_verdicts import some, verdicts

from reconciler.core.plan import Action, Guard
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
