"""Rows that arrive while they are joined settle the pairs that they settle when all are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arriving_users import arrive, cut
from support.builders import MAPPINGS, desired, live, reader
from support.laws import examples
from support.settled_companies import SettledCompany, settled_companies
from support.small_blocks import MemoryBlock, keep_little

from reconciler.core.model import NO_LIFECYCLE, AttributeMapping, LiveUser
from reconciler.core.planning import arriving_rows
from reconciler.core.planning.blocks import OpenBlock
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.listed_table import ListedUser
from reconciler.core.planning.planner import build_plan
from reconciler.desired import user_table
from reconciler.desired.user_table import UserTable
from reconciler.record.plan_file import to_json
from reconciler.scim.packed_users import PackingReader


def pack(users: Iterable[LiveUser]) -> tuple[dict[str, ListedUser], PackingReader]:
    packing = PackingReader(reader())
    return {user.id: packing.pack(user) for user in users}, packing


def take(
    table: UserTable,
    users: Sequence[LiveUser],
    mappings: Sequence[AttributeMapping] = MAPPINGS,
    open_block: OpenBlock | None = None,
) -> JoinedUsers:
    packed, packing = pack(users)
    joined = JoinedUsers(table, mappings, packing, open_block=open_block)
    joined.take(packed)
    return joined


def check_same(joined: JoinedUsers, expected: JoinedUsers) -> None:
    assert list(joined) == list(expected)
    assert [user.id for user in joined.list_open()] == [user.id for user in expected.list_open()]
    assert joined.list_rows() == expected.list_rows()
    assert set(joined.paths) >= set(expected.paths)
    rows = [row for row, taken in enumerate(expected.list_rows()) if taken]
    for row in rows:
        name = expected.desired[row].key
        assert row in joined.names.find({name}) or row not in expected.names.find({name})
    assert joined.names.find_shared() >= expected.names.find_shared()


@settings(max_examples=examples(300), deadline=None)
@given(company=settled_companies(), size=st.integers(1, 5), early=st.integers(0, 3), order=st.randoms())
def test_it_does_not_matter_when_rows_arrive(company: SettledCompany, size: int, early: int, order: Random) -> None:
    request, shown = company.build()
    people = [
        replace(user, lifecycle=NO_LIFECYCLE) if user.lifecycle == NO_LIFECYCLE else user for user in request.desired
    ]
    order.shuffle(people)
    users = list({user.id: user for user in shown.users}.values())
    expected = take(UserTable(people), users, request.mappings)
    check_same(take(arrive(cut(people, size), early=early), users, request.mappings), expected)


@settings(max_examples=examples(300), deadline=None)
@given(
    company=settled_companies(),
    size=st.integers(1, 5),
    early=st.integers(0, 3),
    order=st.randoms(),
    most=st.sampled_from([0, 1, 3, 40]),
)
def test_it_does_not_matter_where_users_are_kept(
    company: SettledCompany, size: int, early: int, order: Random, most: int
) -> None:
    """Joined in memory, with all users in blocks, and with some, in every order: one result, and one plan."""
    request, shown = company.build()
    people = [
        replace(user, lifecycle=NO_LIFECYCLE) if user.lifecycle == NO_LIFECYCLE else user for user in request.desired
    ]
    order.shuffle(people)
    request = replace(request, desired=people)
    users = list({user.id: user for user in shown.users}.values())
    expected = take(UserTable(people), users, request.mappings)
    plan = to_json(build_plan(request, replace(shown, users=users)))
    with pytest.MonkeyPatch.context() as patch:
        keep_little(patch, most)
        for table in (
            UserTable(people, open_block=MemoryBlock),
            arrive(cut(people, size), early=early, open_block=MemoryBlock),
        ):
            joined = take(table, users, request.mappings, MemoryBlock)
            check_same(joined, expected)
            planned = build_plan(replace(request, desired=table), replace(shown, users=joined))
            assert to_json(planned) == plan
            while_read = JoinedUsers(table, request.mappings, pack(users)[1], open_block=MemoryBlock)
            kept = while_read.open_table()
            for user in users:
                kept[user.id] = while_read.settle(user.id, user)
            while_read.take(kept)
            check_same(while_read, expected)
            planned = build_plan(replace(request, desired=table), replace(shown, users=while_read))
            assert to_json(planned) == plan


PEOPLE = [desired("ada"), desired("bob"), desired("eve")]
ACCOUNTS = [live("bob"), live("ada"), live("eve", department="Sales"), live("zoe")]


def test_rows_settle_as_they_arrive() -> None:
    joined = take(arrive(cut(PEOPLE, 1), early=1), ACCOUNTS)
    assert list(joined) == ACCOUNTS
    assert [user.id for user in joined.list_open()] == ["live-eve", "live-zoe"]
    assert [joined.find_row(user.id) for user in ACCOUNTS] == [1, 0, None, None]


@pytest.mark.parametrize("copies", [2, 3])
def test_users_with_the_same_first_value_settle_nothing(copies: int) -> None:
    same = [desired("ada"), *(desired("ada", user_name=f"a{number}") for number in range(1, copies))]
    for people in ([*same, desired("bob")], [*reversed(same), desired("bob")]):
        joined = take(arrive(cut(people, 1), early=0), ACCOUNTS[:2])
        assert [user.id for user in joined.list_open()] == ["live-ada"]


def test_of_accounts_with_the_same_value_one_is_settled() -> None:
    accounts = [live("ada", id="other", department="Sales"), live("ada"), live("ada", id="again")]
    joined = take(arrive(cut([desired("ada")], 1), early=0), accounts)
    assert [user.id for user in joined.list_open()] == ["other", "again"]


def test_a_hash_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving_rows, "_HASH_MASK", 0)
    monkeypatch.setattr(user_table, "hash", lambda _value: 0, raising=False)
    joined = take(arrive(cut(PEOPLE, 1), early=0), ACCOUNTS)
    assert [joined.find_row(user.id) for user in ACCOUNTS] == [1, 0, None, None]


def test_rows_that_were_read_again_count() -> None:
    again = [desired("zoe"), desired("bob")]
    joined = take(arrive(cut(PEOPLE, 1), early=0, again=again), ACCOUNTS)
    assert [joined.find_row(user.id) for user in ACCOUNTS] == [1, None, None, 0]
    assert list(joined) == ACCOUNTS


def test_names_that_are_no_text_are_compared_as_such() -> None:
    name = "ada\udc80"
    joined = take(arrive(cut([desired(name)], 1), early=0), [live(name), live("ada")])
    assert [user.id for user in joined.list_open()] == ["live-ada"]


def test_what_reading_raises_is_raised() -> None:
    table = UserTable(complete=lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    table.end()
    with pytest.raises(ZeroDivisionError):
        take(table, ACCOUNTS)
