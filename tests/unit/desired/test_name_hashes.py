from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Origin, SourceUser
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.name_hashes import NameHashes, hash_name, read_column
from reconciler.desired.scope import CompiledScope, ScopeRules

ORIGIN = Origin("users/a.yaml", 1, 1)
names = st.sampled_from(["ada", "Ada", "ADA@example.com", "ada@example.com", "bob", "straße", "STRASSE", "\ud800"])
columns = st.lists(st.lists(st.tuples(names, st.none() | names), max_size=4), max_size=4)


def build(users: list[list[tuple[str, str | None]]]) -> NameHashes:
    found = NameHashes(Directory(Path()))
    for file in users:
        for name, identity in file:
            attributes = {"userPrincipalName": name} | ({} if identity is None else {"objectId": identity})
            assert found.register(SourceUser(attributes, ORIGIN))
        found.take()
    return found


def references(*wanted: str) -> CompiledScope:
    return CompiledScope(ScopeRules(None), tuple((name, None) for name in wanted))


@given(columns, st.lists(names, max_size=2))
def test_names_are_unique_if_no_two_users_have_one(
    users: list[list[tuple[str, str | None]]], wanted: list[str]
) -> None:
    each = [{fold_case(name) for name in user if name is not None} for file in users for user in file]
    known = set().union(*each)
    unique = sum(map(len, each)) == len(known) and {fold_case(name) for name in wanted} <= known
    assert build(users).is_unique(references(*wanted)) == unique


@given(st.lists(st.integers(0, 2**64 - 1), unique=True))
def test_hashes_are_compared_in_all_parts(hashes: list[int]) -> None:
    found = NameHashes(Directory(Path()))
    for each in hashes:
        found.add(each.to_bytes(8, "little"))
    assert found.is_unique(references())
    for each in hashes[:1]:
        found.add(each.to_bytes(8, "little"))
        assert not found.is_unique(references())


def test_a_column_is_what_was_taken() -> None:
    found = NameHashes(Directory(Path()))
    found.register(SourceUser({"userPrincipalName": "Ada@example.com", "objectId": "1"}, ORIGIN))
    column = found.take()
    assert list(read_column(column)) == sorted([hash_name("ada@example.com"), hash_name("1")])
    assert found.take() == b""
    other = NameHashes(Directory(Path()))
    other.add(column)
    assert other.is_unique(references("ADA@example.com", "1"))
    assert not other.is_unique(references("bob"))


@pytest.mark.parametrize("column", [b"1234567", b"\2" * 8 + b"\1" * 8])
def test_a_damaged_column(column: bytes) -> None:
    with pytest.raises(ValueError):
        read_column(column)


def test_nothing_is_reported_but_unknown_groups() -> None:
    directory = Directory(Path())
    found = NameHashes(directory)
    found.report_taken()
    found.check_references(CompiledScope(ScopeRules(None), (), group_references=(("g", ORIGIN),)))
    assert [item.summary for item in directory.diagnostics] == ['there is no group "g"']
