import pytest
from support.builders import OUT, change, desired, live, values_of
from support.guard_verdicts import some, verdicts

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.policy import Policy


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
