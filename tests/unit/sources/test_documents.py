"""Single keys of settings.yaml and scope.yaml are set in place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import SourceError
from reconciler.sources.documents import edit_document

SETTINGS = "\ufeff# Settings\r\ntarget:\r\n  profile: scim   # x\r\n\r\nguards: {removals: {count: 10}}\r\n"


def edit(content: str | None, **values: Any) -> str:
    values = {key.replace("__", "."): value for key, value in values.items()}
    return edit_document("settings.yaml", content.encode() if content is not None else None, values).decode()


def test_a_key_is_set_and_every_other_byte_stays() -> None:
    assert edit(SETTINGS, guards__removals__count=500) == SETTINGS.replace("10", "500")
    assert edit(SETTINGS, target__profile="apple-business-manager") == SETTINGS.replace(
        "scim", "apple-business-manager"
    )
    assert edit(SETTINGS) == SETTINGS


def test_missing_sections_are_made() -> None:
    edited = edit(
        SETTINGS, provisioning__enabled=False, source__entra__tenant="contoso.com", source__entra__client_id="0012"
    )
    new = '  entra:\r\n    client_id: "0012"\r\n    tenant: contoso.com\r\n'
    assert edited == f"{SETTINGS}provisioning:\r\n  enabled: false\r\nsource:\r\n{new}"


def test_a_new_document_has_a_head() -> None:
    edited = edit_document("scope.yaml", None, {"sync": "all", "assigned.users": ("a",)}, head=b"# head\n")
    assert edited == b"# head\nsync: all\nassigned:\n  users:\n    - a\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("- a: b\n", "settings.yaml:1:1: it cannot be edited: it is not a mapping"),
        ("\na: &x b\n", 'settings.yaml:2:4: anchor "&x" is not allowed'),
        ("a: b: c\n", "settings.yaml:1:5: not YAML: "),
        ("a: b\n? [a]\n: b\n", "settings.yaml:2:3: a key must be plain text"),
        ("guards: {removals: 5}\nguards: x\n", "settings.yaml:2:1: "),
    ],
)
def test_a_document_that_cannot_be_edited_is_refused_with_its_place(content: str, why: str) -> None:
    with pytest.raises(SourceError) as refused:
        edit(content, guards__removals__count=500)
    assert refused.value.summary.startswith(why)
    assert "Nothing was written." in refused.value.detail


@given(st.dictionaries(st.sampled_from(["a.b.c", "a.b.d", "a.e", "f", "guards.removals.count"]), st.integers(0, 999)))
def test_a_second_edit_changes_nothing(values: dict[str, int]) -> None:
    edited = edit_document("settings.yaml", SETTINGS.encode(), values)
    assert edit_document("settings.yaml", edited, values) == edited
    assert edited.startswith(SETTINGS[:30].encode())
