from collections.abc import Sequence
from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desired_users import anybody, desired_users

from reconciler.core.model import NO_LIFECYCLE, DesiredUser, Lifecycle, Value
from reconciler.desired.user_table import Chunk, ChunkWriter, UserTable

USERS = [anybody(number, f"users/{number // 3}.yaml") for number in range(10)]


def scan(users: Sequence[DesiredUser], value: Value) -> int | None:
    """What `find` finds."""
    rows = [row for row, user in enumerate(users) if user.match and user.match[0] == value]
    return rows[0] if len(rows) == 1 else None


@given(st.lists(desired_users(), max_size=8), st.lists(desired_users(), max_size=8))
def test_a_table_is_the_sequence_of_its_users(first: list[DesiredUser], more: list[DesiredUser]) -> None:
    table = UserTable(first)
    table.find("index of the first ones")
    table.extend(more)
    users = [*first, *more]
    assert len(table) == len(users)
    assert [table[row] for row in range(len(table))] == users
    assert list(table) == users
    assert table == users
    assert table[:] == tuple(users)
    assert table.in_scope == sum(user.verdict.in_scope for user in users)
    assert [user for user in table.list_dated() if user.lifecycle != NO_LIFECYCLE] == [
        user for user in users if user.lifecycle != NO_LIFECYCLE
    ]
    for value in {user.match[0] for user in users if user.match} - {None}:
        assert value is not None
        assert table.find(value) == scan(users, value)


@given(st.lists(desired_users(), max_size=8), st.randoms(use_true_random=False))
def test_chunks_of_several_writers_come_in_any_order(users: list[DesiredUser], random: Random) -> None:
    chunks: list[tuple[int, Chunk]] = []
    for number, user in enumerate(users):
        writer = ChunkWriter(lambda chunk, number=number: chunks.append((number, chunk)))
        writer.append(user)
        writer.flush()
    random.shuffle(chunks)
    table = UserTable()
    for _, chunk in chunks:
        table.adopt(chunk)
    assert list(table) == [users[number] for number, _ in chunks]
    assert [table[row] for row in range(len(table))] == list(table)


@pytest.mark.parametrize("chunk", [1, 100, 1 << 20])
def test_rows_are_found_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("reconciler.desired.user_table._CHUNK_BYTES", chunk)
    table = UserTable(USERS)
    assert [table[row] for row in range(-10, 10)] == [*USERS, *USERS]
    assert table[2:9:3] == tuple(USERS[2:9:3])
    assert [table.find(f"id-{number}") for number in range(11)] == [*range(10), None]


def test_users_without_dates_are_not_looked_at_for_dates() -> None:
    protected = replace(USERS[4], lifecycle=Lifecycle(protected=True))
    assert list(UserTable([*USERS, protected, *USERS]).list_dated()) == [protected]


def test_a_damaged_chunk_is_refused() -> None:
    chunks: list[Chunk] = []
    writer = ChunkWriter(chunks.append)
    writer.append(replace(USERS[4], lifecycle=Lifecycle(protected=True)))
    writer.flush()
    for damaged in (
        msgspec.structs.replace(chunks[0], dated=b"\1\0\0\0"),
        msgspec.structs.replace(chunks[0], dated=b"\0"),
        msgspec.structs.replace(chunks[0], hashes=b""),
    ):
        with pytest.raises(ValueError, match="damaged"):
            UserTable().adopt(damaged)


@pytest.mark.parametrize("row", [10, -11])
def test_a_row_that_is_not_there(row: int) -> None:
    with pytest.raises(IndexError):
        UserTable(USERS)[row]


def test_a_value_that_several_users_have_is_not_found() -> None:
    table = UserTable([*USERS, USERS[4]])
    assert table.find("id-4") is None
    assert table.find("id-5") == 5


def test_values_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.desired.user_table.hash", lambda _value: 7, raising=False)
    table = UserTable(USERS)
    assert [table.find(f"id-{number}") for number in range(11)] == [*range(10), None]


def test_a_table_differs_from_other_users() -> None:
    assert UserTable(USERS) == UserTable(USERS)
    assert UserTable(USERS) != UserTable(USERS[1:])
    assert UserTable(USERS) != [*USERS[1:], USERS[0]]
    assert UserTable(USERS) != 5
    assert repr(UserTable(USERS)) == "UserTable(...)"
