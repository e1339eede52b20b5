from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders import OUT, change, desired, live, plan_of, values_of
from support.guard_verdicts import some, verdicts

from reconciler.core.model import Deactivation, DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import AccountEvidence
from reconciler.core.policy import Limit, Policy, Removal


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


INACTIVE = values_of("b", active=False)


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
        ([live("a")], [change("a", Action.DELETE), change("b", Action.CREATE, after=INACTIVE)], False),
        ([live("a")], [change("a", Action.DELETE), change("b", Action.ADOPT, after=INACTIVE)], False),
    ],
)
def test_the_last_active_user_stays(accounts: list[LiveUser], changes: list[Change], passed: bool) -> None:
    found = verdicts(*changes, managed=accounts)["last-active-user"]
    message = "an active user remains" if passed else "the last active managed user would be removed"
    assert found == Guard("last-active-user", passed, message)


# --- accounts that were not created or adopted here -------------------------------------------------

FREE = Policy(removals=Limit())


def foreign(
    people: list[DesiredUser], accounts: list[LiveUser], limit: int | None = 0, problem: str = "", **fields: Any
) -> Guard:
    """Return the verdict for accounts of which only "ours" is known."""
    evidence = AccountEvidence({"live-ours"}, problem)
    policy = replace(FREE, foreign_accounts=Limit(limit))
    plan = plan_of(people, accounts, **{"policy": policy, "evidence": evidence, **fields})
    return next(guard for guard in plan.guards if guard.name == "foreign-accounts")


def test_the_removal_of_an_account_of_others_is_blocked() -> None:
    assert foreign([desired("ada")], [live("ada"), live("ours"), live("admin")]) == Guard(
        "foreign-accounts",
        passed=False,
        message="1 account would be deactivated or deleted, and no receipt and no commit shows that it was created, "
        'adopted or listed in users/ here: "admin@example.com", more than the limit of 0 '
        "(guards.foreign_accounts.count: 0)",
    )


def test_accounts_of_others_are_counted_and_named_up_to_five() -> None:
    found = foreign([], [live(f"u{number}") for number in range(7)], limit=6, problem="this clone is shallow")
    assert found.message == (
        "7 accounts would be deactivated or deleted, and no receipt and no commit shows that they were created, "
        "adopted or listed in users/ here: "
        '"u0@example.com", "u1@example.com", "u2@example.com", "u3@example.com", "u4@example.com" and 2 more, '
        "more than the limit of 6 (guards.foreign_accounts.count: 6); this clone is shallow"
    )
    assert found.accounts == tuple(f"live-u{number}" for number in range(7))


@pytest.mark.parametrize(("limit", "said"), [(1, "within the limit of 1"), (None, "no limit is set")])
def test_accounts_of_others_within_the_limit_are_removed(limit: int | None, said: str) -> None:
    found = foreign([], [live("ours"), live("admin")], limit)
    assert found.passed
    assert said in found.message


@pytest.mark.parametrize(
    ("people", "accounts"),
    [
        ([], [live("ours")]),
        ([], [live("ours", active=False)]),
        ([], [live("admin", external_id=None, managed=False)]),
        ([desired("admin", verdict=OUT)], [live("admin")]),
        ([desired("admin", active=False)], [live("admin")]),
        ([desired("admin", department="X")], [live("admin")]),
    ],
)
def test_known_and_desired_accounts_are_not_those_of_others(
    people: list[DesiredUser], accounts: list[LiveUser]
) -> None:
    assert foreign(people, accounts).passed


def test_an_account_that_an_apply_deactivated_can_be_deleted() -> None:
    then = {"live-old": Deactivation(datetime(2026, 1, 1, tzinfo=UTC), "receipt")}
    policy = replace(FREE, removed=Removal.DELETE)
    accounts = [live("ours"), live("old", active=False)]
    assert foreign([desired("ours")], accounts, policy=policy, deactivated=then).passed
    assert not foreign([desired("ours")], accounts, policy=policy).passed
    reactivated = [live("ours"), live("old")]
    assert not foreign([desired("ours")], reactivated, policy=policy, deactivated=then).passed


def test_a_few_users_at_a_time_do_not_get_past_the_limit() -> None:
    accounts = [live("ours"), *(live(f"u{number}") for number in range(4))]
    assert not foreign([desired("ours")], accounts, limit=3, only={"u1@example.com"}).passed
    assert foreign([desired("ours", department="X")], accounts, limit=3, only={"ours@example.com"}).passed


def test_without_a_look_at_the_record_nothing_is_said() -> None:
    assert foreign([], [live("admin")], evidence=None).message == "the origin of accounts to be removed was not checked"
