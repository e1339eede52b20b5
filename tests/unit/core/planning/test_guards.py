from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from support.builders import OUT, TODAY, change, desired, live, rename, values_of

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards import GuardContext, apply_approvals, evaluate_guards
from reconciler.core.policy import Approval, Limit, Policy

ORDER = [
    "complete-read",
    "removals",
    "updates",
    "creates",
    "protected",
    "last-active-user",
    "empty-desired-state",
    "name-reuse",
    "target",
]
PLAN = "sha256:" + "a" * 64


def people(count: int) -> list[LiveUser]:
    return [live(f"u{number}") for number in range(count)]


def verdicts(
    *changes: Change,
    managed: list[LiveUser] | int = 100,
    wanted: list[DesiredUser] | None = None,
    policy: Policy | None = None,
    problem: str | None = None,
    reserved: Mapping[str, date] | None = None,
) -> dict[str, Guard]:
    accounts = people(managed) if isinstance(managed, int) else managed
    situation = GuardContext(changes, [desired("x")] if wanted is None else wanted, accounts, problem, reserved or {})
    found = evaluate_guards(situation, policy or Policy())
    assert [guard.name for guard in found] == ORDER
    return {guard.name: guard for guard in found}


def some(count: int, action: Action) -> list[Change]:
    return [change(f"u{number}", action) for number in range(count)]


def test_a_plan_without_changes_passes_every_guard() -> None:
    found = verdicts()
    assert [(guard.name, guard.passed, guard.blocks) for guard in found.values()] == [
        (name, True, False) for name in ORDER
    ]


def test_an_incomplete_read_blocks_and_cannot_be_approved() -> None:
    assert verdicts(problem="page 2 is short")["complete-read"] == Guard(
        "complete-read",
        passed=False,
        message="the live users could not be read completely: page 2 is short",
        approvable=False,
    )
    assert verdicts()["complete-read"] == Guard(
        "complete-read", passed=True, message="all live users were read", approvable=False
    )


# --- limits: managed, limit, changes -> passed ------------------------------------------------


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
    found = verdicts(*some(6, Action.DEACTIVATE), *some(7, Action.DELETE), managed=1_234)["removals"]
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


def test_by_default_removals_are_limited_to_ten_and_ten_percent() -> None:
    assert Policy().removals == Limit(10, 10, 1)
    assert (Policy().updates, Policy().creates) == (Limit(), Limit())


# --- protected --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.DEACTIVATE, Action.DELETE])
@pytest.mark.parametrize("named", ["ada@example.com", "id-ada", "live-ada"])
def test_a_protected_user_is_never_removed(action: Action, named: str) -> None:
    found = verdicts(
        change("Ada", action, before=values_of("ADA", external_id="ID-Ada"), live_id="LIVE-ada"),
        policy=Policy(protected=frozenset({named})),
    )["protected"]
    assert found == Guard(
        "protected",
        passed=False,
        message='1 protected user would be removed: "Ada@example.com"',
        approvable=False,
    )


def test_a_user_protected_in_git_is_never_removed() -> None:
    user = desired("ada", verdict=OUT, protected=True)
    assert not verdicts(change("ada", Action.DEACTIVATE), wanted=[user, desired("x")])["protected"].passed
    assert verdicts(change("bob", Action.DEACTIVATE), wanted=[user, desired("x")])["protected"].passed


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.ADOPT, Action.REACTIVATE])
def test_a_protected_user_may_be_changed(action: Action) -> None:
    assert verdicts(change("ada", action), policy=Policy(protected=frozenset({"ada@example.com"})))["protected"].passed


def test_many_protected_users_are_named_up_to_five() -> None:
    policy = Policy(protected=frozenset(f"u{number}@example.com" for number in range(7)))
    assert verdicts(*some(7, Action.DELETE), policy=policy)["protected"].message == (
        '7 protected users would be removed: "u0@example.com", "u1@example.com", "u2@example.com", "u3@example.com",'
        ' "u4@example.com" and 2 more'
    )


# --- last active, empty, name reuse ---------------------------------------------------------


@pytest.mark.parametrize(
    ("accounts", "changes", "passed"),
    [
        ([live("a")], [change("a", Action.DEACTIVATE)], False),
        ([live("a")], [change("a", Action.DELETE)], False),
        ([live("a"), live("b", active=False)], [change("a", Action.DELETE)], False),
        ([live("a"), live("b")], [change("a", Action.DELETE), change("b", Action.DEACTIVATE)], False),
        ([live("a"), live("b")], [change("a", Action.DELETE)], True),
        ([live("a", active=False)], [change("a", Action.DELETE)], True),
        ([live("a")], [change("a")], True),
        ([live("a")], [], True),
        ([live("a")], [change("a", Action.DELETE), change("b", Action.CREATE)], True),
        ([live("a"), live("b", active=False)], [change("a", Action.DELETE), change("b", Action.REACTIVATE)], True),
        ([live("a")], [change("a", Action.DELETE), change("b", Action.ADOPT)], True),
        ([live("a")], [change("a", Action.DELETE), change("b")], False),
    ],
)
def test_the_last_active_user_stays(accounts: list[LiveUser], changes: list[Change], passed: bool) -> None:
    found = verdicts(*changes, managed=accounts)["last-active-user"]
    message = "an active user remains" if passed else "the last active managed user would be removed"
    assert found == Guard("last-active-user", passed, message)


@pytest.mark.parametrize(
    ("wanted", "managed", "passed"),
    [
        ([], 1, False),
        ([desired("a", verdict=OUT)], 3, False),
        ([desired("a", verdict=OUT), desired("b")], 3, True),
        ([desired("a", failed=True)], 3, True),
        ([], 0, True),
    ],
)
def test_a_desired_state_without_a_user_in_scope_blocks(wanted: list[DesiredUser], managed: int, passed: bool) -> None:
    found = verdicts(wanted=wanted, managed=managed)["empty-desired-state"]
    message = f"the desired state has no user in scope, but {managed} managed user{'s' * (managed > 1)} exist"
    assert found == Guard("empty-desired-state", passed, "the desired state names users" if passed else message)


RESERVED = {"bob@example.com": date(2026, 3, 20)}
REUSED = Guard(
    "name-reuse",
    passed=False,
    message="1 user name of recently deleted accounts would be used again, which the target refuses:"
    ' "{} (free on 2026-03-20)"; wait until then, or choose other names',
)


@pytest.mark.parametrize(
    ("taker", "shown"),
    [
        (change("bob", Action.CREATE, after=values_of("bob", user_name="Bob@example.com")), "Bob@example.com"),
        (rename("ada", "bob"), "bob@example.com"),
        (rename("ada", "bob", Action.REACTIVATE), "bob@example.com"),
    ],
)
def test_the_name_of_a_recently_deleted_account_is_not_used_again(taker: Change, shown: str) -> None:
    found = verdicts(taker, reserved=RESERVED)["name-reuse"]
    assert found == Guard(REUSED.name, REUSED.passed, REUSED.message.format(shown))


@pytest.mark.parametrize(
    "other",
    [
        change("ada", Action.CREATE),
        change("bob"),
        change("bob", Action.DELETE),
        change("bob", Action.DEACTIVATE),
        rename("bob", "ada"),
    ],
)
def test_other_names_and_those_kept_are_no_reuse(other: Change) -> None:
    assert verdicts(other, reserved=RESERVED)["name-reuse"].passed


# --- approvals --------------------------------------------------------------------------------

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
        "updates": True,
        "creates": True,
        "protected": False,
        "last-active-user": True,
        "empty-desired-state": True,
        "name-reuse": True,
        "target": True,
    }
