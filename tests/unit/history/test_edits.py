"""Edits of entries: which entry is which, before and after."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.field_change import FieldChange
from reconciler.history.edits import (
    DOCUMENT,
    GROUP,
    MAPPING,
    USER,
    Edit,
    EditKind,
    Entity,
    TrackedUser,
    build_user_keys,
    compare_entities,
    merge_edits,
)

FILE = "users/people.yaml"


def user(name: str, file: str = FILE, **fields: Any) -> Entity:
    return Entity(USER, name, {"userPrincipalName": name, **fields}, file)


def group(*members: str) -> Entity:
    return Entity(GROUP, "Staff", {"name": "Staff", "members": members}, "groups/staff.yaml")


def kinds(edits: list[Edit]) -> list[tuple[str, str]]:
    return [(edit.kind.value, edit.entity.address) for edit in edits]


@pytest.mark.parametrize(
    ("entity", "address"),
    [
        (user("ada@example.com"), 'user["ada@example.com"]'),
        (Entity(GROUP, "user", {}, ""), 'group["user"]'),
        (Entity(MAPPING, "title", {}, ""), 'mapping["title"]'),
        (Entity(DOCUMENT, "scope.yaml", {}, ""), "scope.yaml"),
    ],
)
def test_entries_have_the_addresses_of_plans(entity: Entity, address: str) -> None:
    assert entity.address == address


def test_entries_are_added_changed_and_removed() -> None:
    edits = compare_entities(
        [user("ada", title="Countess"), user("bob"), user("cyd")], [user("ada", title="Lady"), user("bob"), user("dee")]
    )
    assert kinds(edits) == [("changed", 'user["ada"]'), ("removed", 'user["cyd"]'), ("added", 'user["dee"]')]
    assert edits[0].rows == (FieldChange("title", "Countess", "Lady"),)


def test_a_rename_is_found_by_the_object_id() -> None:
    (edit,) = compare_entities([user("ada", objectId="ID-1")], [user("ada.king", objectId="id-1")])
    assert (edit.kind, edit.names) == (EditKind.CHANGED, {"ada", "ada.king"})
    assert edit.keys == {'user["ada"]', 'user["ada.king"]', "id:id-1"}


def test_two_object_ids_are_two_users_even_with_one_name() -> None:
    edits = compare_entities([user("ada", objectId="1")], [user("ada", objectId="2")])
    assert kinds(edits) == [("removed", 'user["ada"]'), ("added", 'user["ada"]')]


def test_users_that_exchange_names_are_not_confused() -> None:
    old = [user("ada", objectId="1", title="x"), user("bob", objectId="2", title="y")]
    new = [user("bob", objectId="1", title="x"), user("ada", objectId="2", title="y")]
    assert [[row.path for row in edit.rows] for edit in compare_entities(old, new)] == [["userPrincipalName"]] * 2


def test_an_entry_that_gets_an_object_id_stays_the_same_one() -> None:
    (edit,) = compare_entities([user("Ada")], [user("ada", objectId="1")])
    assert edit.kind is EditKind.CHANGED


def test_an_entry_in_another_file_was_moved() -> None:
    (edit,) = compare_entities([user("ada")], [user("ada", "users/other.yaml")])
    assert (edit.kind, edit.rows) == (EditKind.MOVED, ())
    (edit,) = compare_entities([user("ada")], [user("ada", "users/other.yaml", title="Lady")])
    assert edit.kind is EditKind.CHANGED


def test_a_merge_has_only_the_edits_that_none_of_its_parents_has() -> None:
    result = [user("ada", title="Lady", department="Engineering")]
    by_parent = [
        compare_entities([user("ada", title="Lady", department="Sales")], result),
        compare_entities([user("ada", title="Countess", department="Sales")], result),
    ]
    (edit,) = merge_edits(by_parent)
    assert edit.rows == (FieldChange("department", "Sales", "Engineering"),)
    assert merge_edits([by_parent[0], []]) == []


# --- one user -----------------------------------------------------------------------


def test_a_user_is_followed_through_renames_from_new_to_old() -> None:
    tracked = TrackedUser({"ada.king"})
    (rename,) = compare_entities([user("ada", objectId="1")], [user("ada.king", objectId="1")])
    assert tracked.select(rename) is rename
    (before,) = compare_entities([user("ada", objectId="1")], [user("ada", objectId="1", title="x")])
    assert tracked.select(before) is before
    assert tracked.keys == {'user["ada"]', 'user["ada.king"]', "id:1"}
    (other,) = compare_entities([], [user("ada", objectId="2")])
    assert tracked.select(other) is None, "another user with a former name"


def test_a_user_can_be_named_by_its_object_id() -> None:
    assert TrackedUser({"1"}).matches(user("ada", objectId="1"))
    assert not TrackedUser({"1"}).matches(user("ada", objectId="2"))
    assert not TrackedUser({"staff"}).matches(group())
    assert not TrackedUser({"ada"}).matches(None)


def test_of_a_group_only_the_part_about_the_user_is_selected() -> None:
    tracked = TrackedUser({"ada"})
    (edit,) = compare_entities([group("ada", "bob")], [group("bob", "cyd")])
    found = tracked.select(edit)
    assert found is not None
    assert found.rows == (FieldChange("members", ("ada",), None),)
    (others,) = compare_entities([group("bob")], [group("cyd")])
    assert tracked.select(others) is None
    mapping = Edit(EditKind.ADDED, None, Entity(MAPPING, "ada", {"target": "ada"}, "mappings.yaml"), ())
    assert tracked.select(mapping) is None


def test_keys_are_folded_addresses_and_object_ids() -> None:
    assert build_user_keys(["Ada"], ["1", ""]) == {'user["ada"]', "id:1"}
