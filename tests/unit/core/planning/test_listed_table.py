"""A table of users is a dictionary, however many there are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import live
from support.laws import examples
from support.small_blocks import MemoryBlock, keep_little

from reconciler.core.planning import listed_table
from reconciler.core.planning.listed_table import ListedTable, ListedUser

IDS = st.sampled_from([f"id-{number}" for number in range(12)])
USERS = st.integers(0, 99) | st.binary(max_size=9) | st.sampled_from([live("ada"), live("bob")])


@settings(max_examples=examples(300), deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["set", "set", "set", "pop", "clear"]), IDS, USERS), max_size=40),
    most=st.integers(0, 6),
    collide=st.booleans(),
)
def test_a_table_is_a_dictionary(steps: list[tuple[str, str, ListedUser]], most: int, collide: bool) -> None:
    expected: dict[str, ListedUser] = {}
    with pytest.MonkeyPatch.context() as patch:
        keep_little(patch, most)
        if collide:
            patch.setattr(listed_table, "_HASH", 0)
        table = ListedTable(MemoryBlock)
        for step, live_id, user in steps:
            if step == "set":
                table[live_id] = expected[live_id] = user
            elif step == "pop":
                assert table.pop(live_id, None) == expected.pop(live_id, None)
            elif len(steps) % 5 == 0:
                table.clear()
                expected.clear()
        assert list(table.list_users()) == list(expected.items())
        assert (list(table), len(table), dict(table)) == (list(expected), len(expected), expected)
        assert [name in table for name in ("id-1", "id-2", "nobody")] == [
            name in expected for name in ("id-1", "id-2", "nobody")
        ]
        numbered = table.number() if len(expected) == len(table.number()) else None
        for number, (live_id, user) in enumerate(expected.items() if numbered is not None else ()):
            assert numbered is not None
            assert (numbered.get_id(number), numbered.get_user(number)) == (live_id, user)
        table.replace_users(lambda live_id, user: len(live_id) if isinstance(user, bytes) else user)
        replaced = {name: len(name) if isinstance(user, bytes) else user for name, user in expected.items()}
        assert dict(table.list_users()) == replaced


@pytest.mark.parametrize("most", [0, 10])
def test_a_user_that_is_not_there_is_an_error(most: int) -> None:
    table = ListedTable(MemoryBlock, most)
    table["ada"] = 1
    with pytest.raises(KeyError):
        table["bob"]
    with pytest.raises(KeyError):
        del table["bob"]
    del table["ada"]
    assert (len(table), list(table), "ada" in table, 5 in table) == (0, [], False, False)


def test_a_table_of_hashes_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_table, "_FIRST_BITS", 1)
    table = ListedTable(MemoryBlock, 0)
    for number in range(200):
        table[f"id-{number}"] = number
    assert [table[f"id-{number}"] for number in range(200)] == list(range(200))
    assert list(table) == [f"id-{number}" for number in range(200)]


def test_there_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_table, "MOST_PLACES", 1)
    table = ListedTable(MemoryBlock, 0)
    with pytest.raises(ValueError, match="cannot be kept"):
        table["two\nlines"] = 1
    table = ListedTable(MemoryBlock, 0)
    table["ada"] = 1
    with pytest.raises(ValueError, match="cannot be kept"):
        table["bob"] = 2


def test_without_a_block_it_stays_a_dictionary() -> None:
    table = ListedTable(None, 0)
    table["two\nlines"] = 1
    table["ada"] = live("ada")
    assert list(table.list_users()) == [("two\nlines", 1), ("ada", live("ada"))]
