from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import desired, live, plan_of, request

from reconciler.core.model import AwaitedAccount, LiveUser
from reconciler.core.plan import Action, Plan
from reconciler.core.planning.lost_accounts import (
    FEWEST_LOST,
    are_nearly_all,
    disbelieve_hidden,
    find_lost_accounts,
    list_linked,
)
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOBODY: dict[str, Any] = {"external_id": None}


def account(who: str, **fields: Any) -> LiveUser:
    return live(who, id=who, **fields)


def test_what_is_not_listed_or_has_no_external_id_is_lost() -> None:
    state = LiveState([account("a"), account("b", **NOBODY), account("c", external_id="other")])
    assert find_lost_accounts({"a", "b", "c", "d"}, state) == {"b", "d"}
    assert list_linked(state) == {"a", "c"}


def test_an_account_that_the_ownership_filter_leaves_out_is_there() -> None:
    assert find_lost_accounts({"a"}, LiveState([account("a", managed=False)])) == frozenset()
    assert find_lost_accounts({"a"}, LiveState([account("a", managed=True, **NOBODY)])) == frozenset()


def test_what_may_appear_soon_is_not_lost() -> None:
    state = LiveState([], awaited={"a": AwaitedAccount("a", NOW, NOW)}, unshown=[AwaitedAccount("b", NOW, NOW)])
    assert find_lost_accounts({"a", "b", "c"}, state) == {"c"}


@pytest.mark.parametrize(
    ("lost", "there", "nearly_all"),
    [
        (0, 0, False),
        (2, 0, False),
        (3, 0, True),
        (3, 1, False),
        (9, 1, True),
        (8, 1, False),
        (900, 100, True),
        (899, 100, False),
        (3, 100, False),
    ],
)
def test_from_three_accounts_and_nine_tenths_on_it_was_no_single_removal(
    lost: int, there: int, *, nearly_all: bool
) -> None:
    assert are_nearly_all(lost, there) is nearly_all


def test_inactive_accounts_that_would_be_hidden_are_not_believed_if_all_are_lost() -> None:
    hidden = [account(who, active=False) for who in ("a", "b", "c")]
    state = LiveState(hidden, hidden={user.id: NOW for user in hidden})
    cut = disbelieve_hidden({"a", "b", "c"}, state)
    assert (cut.users, cut.hidden) == ([], {})
    assert disbelieve_hidden({"a", "b"}, state) is state, "two may be hidden"
    assert disbelieve_hidden(frozenset(), state) is state, "an apply deactivated them"


def test_an_account_that_an_apply_deactivated_stays_hidden_while_others_are_lost() -> None:
    hidden = [account(who, active=False) for who in ("a", "b", "c", "gone")]
    cut = disbelieve_hidden({"a", "b", "c"}, LiveState(hidden, hidden={user.id: NOW for user in hidden}))
    assert [user.id for user in cut.users] == list(cut.hidden) == ["gone"]


def test_earlier_accounts_of_users_whose_later_ones_are_lost_are_not_believed_either() -> None:
    hidden = [account(who, active=False) for who in ("old", "gone")]
    state = LiveState(hidden, hidden={user.id: NOW for user in hidden})
    assert list(disbelieve_hidden({"a", "b", "c"}, state, {"old"}).hidden) == ["gone"]
    there = replace(state, users=[*hidden, account("a"), account("b")])
    assert disbelieve_hidden({"a", "b", "c"}, there, {"old"}) is there
    plans = [build_plan(request([desired("old")], recorded="abc", replaced=ids), state) for ids in ({"old"}, ())]
    assert [plan.changes[0].action for plan in plans] == [Action.CREATE, Action.REACTIVATE]


def test_nothing_hidden_is_doubted_while_others_are_there() -> None:
    users = [account(who) for who in ("a", "b", "c", "d")]
    state = LiveState(users, hidden={"a": NOW, "b": NOW, "c": NOW})
    assert disbelieve_hidden({"a", "b", "c", "d"}, state) is state


# --- laws ------------------------------------------------------------------------------------------

PEOPLE = [f"u{number}" for number in range(12)]
some = st.sets(st.sampled_from(PEOPLE))


def blocked(plan: Plan) -> bool:
    return any(guard.name == "disconnect" and guard.blocks for guard in plan.guards)


@given(wanted=some, there=some, unmanaged=some, recorded=some)
def test_a_tenant_whose_accounts_are_all_listed_is_never_blocked(
    wanted: set[str], there: set[str], unmanaged: set[str], recorded: set[str]
) -> None:
    accounts = [account(who) for who in sorted(there)]
    accounts += [account(who, **NOBODY) for who in sorted(unmanaged - there)]
    assert not blocked(plan_of(list(map(desired, sorted(wanted))), accounts, recorded=recorded & there))


@given(wanted=some, recorded=some, without_id=some)
def test_nothing_is_made_again_while_all_accounts_on_record_are_lost(
    wanted: set[str], recorded: set[str], without_id: set[str]
) -> None:
    accounts = [account(who, **NOBODY) for who in sorted(recorded & without_id)]
    plan = plan_of(list(map(desired, sorted(wanted))), accounts, recorded=recorded)
    again = [change for change in plan.changes if change.key.split("@")[0] in recorded]
    assert {change.action for change in again} <= {Action.CREATE, Action.ADOPT}
    assert blocked(plan) == (len(recorded) >= FEWEST_LOST and bool(plan.changes))
    if not plan.blocked:
        assert len(again) < FEWEST_LOST
