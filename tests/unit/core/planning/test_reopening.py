"""What opens settled pairs. That the others are not needed is the law of `test_settled`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from support.builders import MAPPINGS, NOW, desired, live, request

from reconciler.core.plan import Action
from reconciler.core.planning.guards.context import RecentChange
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.protection import AccountNames
from reconciler.core.planning.reopening import set_aside
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.policy import Policy, RelinkRules
from reconciler.desired.user_table import UserTable

NAMES = ("ada", "bob", "eve")
RECENT = RecentChange('user["bob@example.com"]', "live-bob", Action.UPDATE)


def open_after(edit: Callable[[PlanRequest, LiveState], tuple[PlanRequest, LiveState]] | None = None) -> Sequence[str]:
    """The accounts that are open; those of three users are as desired."""
    plan, state = request([desired(name) for name in NAMES]), LiveState([live(name) for name in NAMES])
    if edit is not None:
        plan, state = edit(plan, state)
    users = JoinedUsers.join(plan.desired, state.users, MAPPINGS)
    aside, left = set_aside(plan, replace(state, users=users))
    assert len(aside.desired) + left.settled.count == len(plan.desired)
    return [user.id for user in left.users]


def with_request(**fields: object) -> Callable[[PlanRequest, LiveState], tuple[PlanRequest, LiveState]]:
    return lambda plan, state: (replace(plan, **fields), state)  # type: ignore[arg-type]


def with_policy(**fields: object) -> Callable[[PlanRequest, LiveState], tuple[PlanRequest, LiveState]]:
    return with_request(policy=Policy(**fields))  # type: ignore[arg-type]


def test_nothing_opens_pairs_that_are_alone() -> None:
    assert open_after() == []


@pytest.mark.parametrize(
    "edit",
    [
        with_request(recent=[RECENT]),
        with_request(noted=["live-bob"]),
        with_request(doubtful=["live-bob"]),
        with_request(original_names={"live-bob": "x"}),
        with_request(original_names={"x": "Bob@example.com"}),
        with_policy(protected=frozenset({"bob@example.com"})),
        with_policy(protected=frozenset({"id-bob"})),
        with_policy(protected=frozenset({"live-bob"})),
        lambda plan, state: (plan, replace(state, hidden={"live-bob": NOW})),
        lambda plan, state: (plan, replace(state, inactive={"live-bob"})),
    ],
)
def test_what_names_an_account_opens_its_pair(edit: Callable[..., tuple[PlanRequest, LiveState]]) -> None:
    assert open_after(edit) == ["live-bob"]


def test_an_account_with_a_protected_name_on_record_is_open() -> None:
    names = {
        "live-ada": AccountNames(frozenset({"admin"}), frozenset({"old-id"})),
        "live-bob": AccountNames(frozenset({"bob"}), frozenset({"old-id"})),
        "gone": AccountNames(frozenset({"admin"}), frozenset({"id-eve"})),
    }
    policy = Policy(protected=frozenset({"admin"}))
    assert open_after(with_request(names=names, policy=policy)) == ["live-ada", "live-bob", "live-eve"]
    assert open_after(with_request(names=names)) == []


def test_an_open_user_opens_those_with_its_names() -> None:
    def join(plan: PlanRequest, state: LiveState) -> tuple[PlanRequest, LiveState]:
        newcomer = desired("zoe", user_name="Bob@Example.com")
        return replace(plan, desired=[newcomer, *plan.desired]), state

    assert open_after(join) == ["live-bob"]


def test_an_open_account_opens_those_with_its_names() -> None:
    def add(plan: PlanRequest, state: LiveState) -> tuple[PlanRequest, LiveState]:
        return plan, replace(state, users=[live("zoe", external_id="ID-EVE"), *state.users])

    assert open_after(add) == ["live-zoe", "live-eve"]


def test_pairs_that_share_a_name_are_open() -> None:
    def rename(plan: PlanRequest, state: LiveState) -> tuple[PlanRequest, LiveState]:
        people = [desired("ada"), desired("bob", user_name="id-ada"), desired("eve")]
        return replace(plan, desired=people), replace(
            state, users=[live("ada"), live("bob", user_name="id-ada"), live("eve")]
        )

    assert open_after(rename) == ["live-ada", "live-bob"]


def test_all_are_open_where_accounts_may_be_relinked() -> None:
    assert open_after_all(with_policy(relink=RelinkRules(by_user_name=True)))


def test_users_that_were_settled_with_others_are_all_open() -> None:
    plan, state = request([desired(name) for name in NAMES]), LiveState([live(name) for name in NAMES])
    joined = replace(state, users=JoinedUsers.join(plan.desired, state.users, MAPPINGS))
    others = replace(plan, desired=list(plan.desired))
    assert set_aside(others, joined) == (others, state)


def open_after_all(edit: Callable[..., tuple[PlanRequest, LiveState]]) -> bool:
    plan, state = edit(request([desired(name) for name in NAMES]), LiveState([live(name) for name in NAMES]))
    joined = replace(state, users=JoinedUsers.join(plan.desired, state.users, MAPPINGS))
    return set_aside(plan, joined) == (plan, state)


def test_users_that_are_built_at_each_access_are_held() -> None:
    plan = request([desired("ada"), desired("bob")])
    state = LiveState([live("ada", department="Sales")])
    expected = build_plan(plan, state)
    assert build_plan(replace(plan, desired=UserTable(plan.desired)), state) == expected
