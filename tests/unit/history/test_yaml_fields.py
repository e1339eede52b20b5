"""Fields are set in the text of their entry; what was not set stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.field_change import Field, JsonText
from reconciler.history.edits import DOCUMENT, GROUP, USER
from reconciler.history.yaml_entries import parse_entries
from reconciler.history.yaml_fields import EntryStyle, FieldEdit, LiteralText, edit_fields, render_fields
from reconciler.history.yaml_nodes import EditError

NAMES = {USER: "users/a.yaml", GROUP: "groups/a.yaml", DOCUMENT: "settings.yaml"}
keys = st.sampled_from(
    ["objectId", "givenName", "surname", "title", "zz", "a.b", "lifecycle.expires", "lifecycle.starts"]
)
texts = st.sampled_from(["Ada", "No", "0012", "a: b", "#x", "a\nb", "é 😀", "'", '"', " a ", "2027-01-01", "true"])
values = st.one_of(texts, st.lists(texts, min_size=1, max_size=3).map(tuple))
BLOCK, FLOW = "- userPrincipalName: ada{}\n", "- {{userPrincipalName: ada{}}}\n"


def read(kind: str, text: str) -> dict[str, Field]:
    (found,) = parse_entries(NAMES[kind], text.encode())
    return dict(found.fields)


def is_readable(key: str, value: Field) -> bool:
    """Whether a key can have this value: the dates of a lifecycle are texts."""
    return not (key.startswith("lifecycle") and isinstance(value, tuple))


def written(key: str, value: str) -> str:
    """A pair as a human might write it."""
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return f"{key}: {quoted}"


@given(
    st.dictionaries(keys, texts, max_size=5),
    st.dictionaries(keys, st.none() | values, max_size=6),
    st.booleans(),
    st.sampled_from(["", "  # note"]),
)
def test_the_entry_is_read_as_it_was_set(before: dict[str, str], change: dict[str, Any], flow: bool, note: str) -> None:
    change = {key: value for key, value in change.items() if is_readable(key, value)}
    top = {key: value for key, value in before.items() if not key.startswith("lifecycle.")}
    dates = {key.partition(".")[2]: value for key, value in before.items() if key.startswith("lifecycle.")}
    pairs = [written(key, value) for key, value in top.items()]
    if dates:
        pairs.append("lifecycle: {" + ", ".join(written(key, value) for key, value in dates.items()) + "}")
    text = (
        FLOW.format("".join(f", {pair}" for pair in pairs))
        if flow
        else BLOCK.format(note + "".join(f"\n  # about it\n  {pair}{note}" for pair in pairs))
    )
    now = read(USER, text)
    change = {key: value for key, value in change.items() if value is not None or key in now}
    edited = edit_fields(text, "\n", USER, {0: FieldEdit(change)})
    expected = {key: value for key, value in {**now, **change}.items() if value is not None}
    assert read(USER, edited) == expected
    if not flow:
        assert edited.count("# about it") == text.count("# about it")
        starts = tuple(f"  {key if not key.startswith('lifecycle') else 'lifecycle'}:" for key in change)
        kept = [line for line in text.splitlines()[1:] if not line.startswith(starts)]
        assert [line for line in kept if line not in edited.splitlines()] == []


@given(st.dictionaries(keys, values, max_size=6))
def test_a_new_entry_is_read_as_it_is_given(fields: dict[str, Any]) -> None:
    fields = {"userPrincipalName": "ada"} | {key: value for key, value in fields.items() if is_readable(key, value)}
    text = "- " + render_fields(USER, fields, "\n", "  ").lstrip(" ")
    assert read(USER, text) == fields
    assert text == "- " + render_fields(USER, dict(reversed(fields.items())), "\n", "  ").lstrip(" ")


def test_keys_of_a_new_entry_are_in_order() -> None:
    fields = {"lifecycle.expires": "2027-01-01", "zz": "1", "surname": "L", "accountEnabled": "true", "objectId": "a"}
    assert render_fields(USER, {**fields, "userPrincipalName": "ada"}, "\n") == (
        'objectId: a\nuserPrincipalName: ada\nsurname: L\nzz: "1"\naccountEnabled: true\n'
        "lifecycle:\n  expires: 2027-01-01"
    )


def test_sections_of_a_document_are_made_and_taken_out() -> None:
    text = "target: {profile: scim}  # x\nguards:\n  removals: {count: 10}\n  # y\n  updates: {percent: 50}\n"
    fields: dict[str, Field | None] = {
        "guards.removals.count": LiteralText("500"),
        "guards.removals.percent": LiteralText("20"),
        "guards.updates.percent": None,
        "lifecycle.out_of_scope": "keep",
        "notifications.on_failure": ("mailto:it@example.com",),
    }
    assert edit_fields(text, "\n", DOCUMENT, {0: FieldEdit(fields)}) == (
        "target: {profile: scim}  # x\nguards:\n  removals: {count: 500, percent: 20}\n  # y\n"
        'lifecycle:\n  out_of_scope: keep\nnotifications:\n  on_failure:\n    - "mailto:it@example.com"\n'
    )


def test_a_list_without_items_stays_in_its_section() -> None:
    text = "- name: g\n  members:\n    users: [a]\n"
    edited = edit_fields(text, "\n", GROUP, {0: FieldEdit({"members.users": None})})
    assert edited == "- name: g\n  members:\n    users: []\n"


def test_a_dot_is_a_part_of_the_name_of_an_attribute() -> None:
    tree = EntryStyle(USER).build_tree({"a.b": "x", "lifecycle.expires": "y"})
    assert tree == {"a.b": "x", "lifecycle": {"expires": "y"}}
    with pytest.raises(EditError, match="both a value and a section"):
        EntryStyle(DOCUMENT).build_tree({"a": "x", "a.b": "y"})


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("- userPrincipalName: ada\n", {"userPrincipalName": None}),
        ("- a: &x 1\n", {"a": "2"}),
        ("- ? a\n  : b\n  ? c\n  : d\n", {"c": None}),
        ("- a: b\n", {"a": JsonText("{}")}),
        ("- a: b\n", {"a": "\ud800"}),
        ("- a\n", {"a": "b"}),
        ("- a: [{b: c}]\n", {"a": ("d",)}),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str, fields: dict[str, Any]) -> None:
    with pytest.raises(EditError):
        edit_fields(text, "\n", USER, {0: FieldEdit(fields)})
