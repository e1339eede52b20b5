"""The operations of each style, for one user."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import DEPARTMENT, ENTERPRISE

from reconciler.apply.patch_styles import STYLES, Intent, PatchStyle, PatchStyles, build_body, build_steps
from reconciler.core.patch import PATCH_OP
from reconciler.core.plan import AttributeChange

WORK = 'emails[type eq "work"].value'
HOME = {"type": "home", "value": "h"}
USER = {
    "title": "Countess",
    "active": True,
    "name": {"givenName": "Ada", "middleName": "K"},
    ENTERPRISE: {"department": "Maths", "manager": {"value": "7", "displayName": "Boss"}},
    "emails": [HOME, {"type": "work", "value": "old"}],
}
SET = AttributeChange("name.givenName", "Ada", "Augusta")
CLEAR = AttributeChange("title", "Countess", None)
MAIL = AttributeChange(WORK, "old", "new")
NO_MAIL = AttributeChange(WORK, "old", None)
NEW = {"type": "work", "value": "new"}
NAME = {"name": {"givenName": "Augusta", "middleName": "K"}}

CASES: list[tuple[PatchStyle, AttributeChange, list[dict[str, Any]]]] = [
    (PatchStyle.REPLACE, SET, [{"op": "replace", "path": "name.givenName", "value": "Augusta"}]),
    (PatchStyle.ADD, SET, [{"op": "add", "path": "name.givenName", "value": "Augusta"}]),
    # Whole: a service may replace all parts of the name.
    (PatchStyle.REPLACE_OBJECT, SET, [{"op": "replace", "value": NAME}]),
    (PatchStyle.ADD_OBJECT, SET, [{"op": "add", "value": NAME}]),
    (PatchStyle.REMOVE, CLEAR, [{"op": "remove", "path": "title"}]),
    (PatchStyle.NULL, CLEAR, [{"op": "replace", "path": "title", "value": None}]),
    (PatchStyle.NULL_OBJECT, CLEAR, [{"op": "replace", "value": {"title": None}}]),
    (PatchStyle.ADD_NULL, CLEAR, [{"op": "add", "path": "title", "value": None}]),
    (PatchStyle.EMPTY, CLEAR, [{"op": "replace", "path": "title", "value": ""}]),
    (PatchStyle.EMPTY_OBJECT, CLEAR, [{"op": "replace", "value": {"title": ""}}]),
    (PatchStyle.ADD_EMPTY, CLEAR, [{"op": "add", "path": "title", "value": ""}]),
    (PatchStyle.FILTER, MAIL, [{"op": "replace", "path": WORK, "value": "new"}]),
    (PatchStyle.LIST, MAIL, [{"op": "replace", "path": "emails", "value": [HOME, NEW]}]),
    (PatchStyle.LIST_OBJECT, MAIL, [{"op": "replace", "value": {"emails": [HOME, NEW]}}]),
    (PatchStyle.ADD_FILTER, MAIL, [{"op": "add", "path": WORK, "value": "new"}]),
    (
        PatchStyle.REMOVE_ADD,
        MAIL,
        [{"op": "remove", "path": 'emails[type eq "work"]'}, {"op": "add", "path": "emails", "value": [NEW]}],
    ),
    (PatchStyle.FILTER, NO_MAIL, [{"op": "remove", "path": 'emails[type eq "work"]'}]),
    (PatchStyle.LIST, NO_MAIL, [{"op": "replace", "path": "emails", "value": [HOME]}]),
    (PatchStyle.REMOVE_ADD, NO_MAIL, [{"op": "remove", "path": 'emails[type eq "work"]'}]),
    (PatchStyle.ADD_FILTER, NO_MAIL, []),
]


def operations(style: PatchStyle, *rows: AttributeChange, user: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    (intent,) = (intent for intent, styles in STYLES.items() if style in styles)
    steps = build_steps(rows, user if user is not None else USER, PatchStyles().choose(intent, style))
    return [operation for step in steps for operation in step.operations]


@pytest.mark.parametrize(("style", "row", "expected"), CASES)
def test_a_style_writes_an_attribute(style: PatchStyle, row: AttributeChange, expected: list[Any]) -> None:
    assert operations(style, row) == expected


def test_every_style_has_a_case() -> None:
    assert {style for style, _, _ in CASES} == set(PatchStyle)


def test_objects_have_all_changes_and_no_part_that_is_read_only() -> None:
    rows = [
        SET,
        AttributeChange("name.middleName", "K", "B"),
        AttributeChange(DEPARTMENT, "Maths", "Engines"),
    ]
    extension = {"department": "Engines", "manager": {"value": "7"}}
    value = {"name": {"givenName": "Augusta", "middleName": "B"}, ENTERPRISE: extension}
    assert operations(PatchStyle.REPLACE_OBJECT, *rows) == [{"op": "replace", "value": value}]


def test_a_list_has_all_changes_of_its_elements() -> None:
    rows = [AttributeChange('emails[type eq "home"].value', "h", None), MAIL]
    assert operations(PatchStyle.LIST, *rows) == [{"op": "replace", "path": "emails", "value": [NEW]}]


def test_elements_without_their_type_are_never_written_by_a_filter() -> None:
    user = {"emails": [{"value": "other"}, {"value": "old", "display": "D"}]}
    changed = [{"value": "other"}, {"value": "new", "display": "D", "type": "work"}]
    assert operations(PatchStyle.FILTER, MAIL, user=user) == [{"op": "replace", "path": "emails", "value": changed}]
    assert operations(PatchStyle.FILTER, NO_MAIL, user=user) == [
        {"op": "replace", "path": "emails", "value": [{"value": "other"}]}
    ]
    assert operations(PatchStyle.ADD_FILTER, MAIL, user=user) == []
    assert operations(PatchStyle.REMOVE_ADD, NO_MAIL, user=user) == [{"op": "remove", "path": 'emails[value eq "old"]'}]


def test_a_boolean_is_not_cleared_with_a_text() -> None:
    assert operations(PatchStyle.EMPTY, AttributeChange("active", True, None)) == []


def test_the_user_that_was_read_stays_as_it_is() -> None:
    before = str(USER)
    operations(PatchStyle.LIST, MAIL, SET, CLEAR)
    assert str(USER) == before


@pytest.mark.parametrize(("capitalised", "op"), [(False, "remove"), (True, "Remove")])
def test_a_body_is_spelled_as_the_profile_says(capitalised: bool, op: str) -> None:
    body = build_body([{"op": "remove", "path": "title"}], capitalised=capitalised)
    assert body == {"schemas": [PATCH_OP], "Operations": [{"op": op, "path": "title"}]}


def test_shapes_say_nothing_about_values() -> None:
    shapes = [
        sorted(step.shapes)
        for style in (PatchStyle.FILTER, PatchStyle.LIST, PatchStyle.LIST_OBJECT)
        for step in build_steps([MAIL], USER, PatchStyles().choose(Intent.ELEMENT, style))
    ]
    assert shapes == [["replace with a filter"], ["replace with a path list"], ["replace without a path list"]]
