"""Values of the source as files have them."""

from __future__ import annotations

import pytest

from reconciler.core.field_change import Field
from reconciler.core.model import SourceValue
from reconciler.sources.merge_values import (
    build_fields,
    can_import,
    is_same,
    is_usable_key,
    order_attributes,
    to_field,
)


@pytest.mark.parametrize(
    ("attribute", "value", "held", "same"),
    [
        ("accountEnabled", True, None, True),
        ("accountEnabled", True, "True", True),
        ("accountEnabled", True, "false", False),
        ("accountEnabled", True, "maybe", False),
        ("accountEnabled", False, None, False),
        ("accountEnabled", False, " FALSE ", True),
        ("accountEnabled", "True", None, True),
        # Taking `false` out would enable the account.
        ("accountEnabled", None, "false", True),
        ("dirSyncEnabled", True, "True", True),
        ("dirSyncEnabled", False, None, False),
        ("department", "IT", "it", False),
        ("department", "IT", "IT ", False),
        ("department", "", None, True),
        ("department", None, "IT", False),
        ("otherMails", ("a", "b"), ("b", "a"), True),
        ("otherMails", ("a", "a"), ("a",), False),
        ("otherMails", ("a",), "a", False),
        ("otherMails", ("",), None, True),
        ("otherMails", (), ("a",), False),
    ],
)
def test_what_means_the_same_is_the_same(attribute: str, value: SourceValue, held: Field, same: bool) -> None:
    assert is_same(attribute, value, held) is same


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("otherMails", value) for value in ("A", "", True, False, ("a", "", "b"), (), ("",), None)),
        *(("accountEnabled", value) for value in (True, False, "", None, "TRUE", "False")),
    ],
)
def test_what_is_written_is_the_same_when_it_is_read_again(attribute: str, value: SourceValue) -> None:
    assert is_same(attribute, value, to_field(attribute, value))


def test_a_new_entry_begins_with_its_identity_and_leaves_defaults_out() -> None:
    values = {
        "zeta": "z",
        "accountEnabled": True,
        "surname": "King",
        "givenName": "Ada",
        "userPrincipalName": "a",
        "objectId": "1",
    }
    found = build_fields(values, order_attributes(["zeta", "surname", "givenName", "accountEnabled", "department"]))
    assert list(found.items()) == [
        ("objectId", "1"),
        ("userPrincipalName", "a"),
        ("givenName", "Ada"),
        ("surname", "King"),
        ("zeta", "z"),
    ]
    assert build_fields({**values, "accountEnabled": "False"}, ["accountEnabled"])["accountEnabled"] == "false"


@pytest.mark.parametrize("name", ["lifecycle", "lifecycle.expires", "IsSoftDeleted", "", " ", "a\nb", "x" * 257])
def test_lifecycle_and_what_is_computed_are_not_imported(name: str) -> None:
    assert not can_import(name)


def test_other_attributes_are_imported() -> None:
    assert all(map(can_import, ("lifecycleStage", "extension_0a_x", "Größe", "x" * 256)))


@pytest.mark.parametrize(
    ("key", "usable"), [("a", True), ("", False), ("  ", False), ("a\tb", False), ("x" * 501, False)]
)
def test_keys_are_one_printable_line(key: str, usable: bool) -> None:
    assert is_usable_key(key) is usable
