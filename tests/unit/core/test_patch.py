from typing import Any

import pytest
from support.builders import DEPARTMENT, ENTERPRISE

from reconciler.core.model import Resource, Value
from reconciler.core.patch import build_patch_operation, build_resource, merge_elements
from reconciler.core.paths import CORE
from reconciler.core.plan import AttributeChange

ROLE = "roles[primary eq true].value"
WORK = 'emails[type eq "work"].value'


@pytest.mark.parametrize(
    ("path", "before", "after", "operation"),
    [
        ("userName", "a", "b", {"op": "replace", "path": "userName", "value": "b"}),
        ("title", None, "Countess", {"op": "replace", "path": "title", "value": "Countess"}),
        ("title", "Countess", None, {"op": "remove", "path": "title"}),
        ("active", True, False, {"op": "replace", "path": "active", "value": False}),
        ("active", False, True, {"op": "replace", "path": "active", "value": True}),
        ("name.givenName", "a", "b", {"op": "replace", "path": "name.givenName", "value": "b"}),
        (DEPARTMENT, "a", "b", {"op": "replace", "path": DEPARTMENT, "value": "b"}),
        (DEPARTMENT, "a", None, {"op": "remove", "path": DEPARTMENT}),
        (WORK, "a", "b", {"op": "replace", "path": WORK, "value": "b"}),
        # No element is there that a filter could find.
        (WORK, None, "b", {"op": "add", "path": "emails", "value": [{"type": "work", "value": "b"}]}),
        # An element without its value would be left over.
        (WORK, "a", None, {"op": "remove", "path": 'emails[type eq "work"]'}),
        (ROLE, "a", "b", {"op": "replace", "path": ROLE, "value": "b"}),
        (ROLE, None, "b", {"op": "add", "path": "roles", "value": [{"primary": True, "value": "b"}]}),
        # As saved plans of earlier versions have it.
        (
            'roles[primary eq "True"].value',
            None,
            "b",
            {"op": "add", "path": "roles", "value": [{"primary": True, "value": "b"}]},
        ),
        (
            'emails[type eq "work" and primary eq true].value',
            None,
            "b",
            {"op": "add", "path": "emails", "value": [{"type": "work", "primary": True, "value": "b"}]},
        ),
        (ROLE, "a", None, {"op": "remove", "path": "roles[primary eq true]"}),
        (
            'addresses[type eq "work"].country',
            "DE",
            None,
            {"op": "remove", "path": 'addresses[type eq "work"].country'},
        ),
        (
            'urn:x:User:tags[kind eq "a"].value',
            None,
            "b",
            {"op": "add", "path": "urn:x:User:tags", "value": [{"kind": "a", "value": "b"}]},
        ),
    ],
)
def test_a_changed_row_is_one_operation(
    path: str, before: Value | None, after: Value | None, operation: dict[str, Any]
) -> None:
    assert build_patch_operation(AttributeChange(path, before, after), {}) == operation


COUNTRY = 'addresses[type eq "work"].country'


@pytest.mark.parametrize(
    ("live", "operation"),
    [
        ({"addresses": [{"type": "Work", "locality": "Berlin"}]}, {"op": "replace", "path": COUNTRY, "value": "DE"}),
        (
            {"addresses": [{"type": "home"}]},
            {"op": "add", "path": "addresses", "value": [{"type": "work", "country": "DE"}]},
        ),
        ({"addresses": None}, {"op": "add", "path": "addresses", "value": [{"type": "work", "country": "DE"}]}),
    ],
)
def test_a_part_that_an_element_lacks_goes_into_that_element(live: Resource, operation: dict[str, Any]) -> None:
    assert build_patch_operation(AttributeChange(COUNTRY, None, "DE"), live) == operation


@pytest.mark.parametrize("primary", [True, "True", "true"])
def test_a_primary_element_is_found_however_the_service_writes_booleans(primary: bool | str) -> None:
    live = {"roles": [{"display": "x"}, {"primary": primary}]}
    assert build_patch_operation(AttributeChange(ROLE, None, "b"), live) == {
        "op": "replace",
        "path": ROLE,
        "value": "b",
    }


def test_a_path_of_an_earlier_plan_is_sent_with_a_boolean() -> None:
    change = AttributeChange('roles[primary eq "True"].value', "a", "b")
    assert build_patch_operation(change, {}) == {"op": "replace", "path": ROLE, "value": "b"}


def test_parts_of_one_new_element_are_added_as_one_element() -> None:
    rows = [
        AttributeChange('addresses[type eq "home"].country', None, "FR"),
        AttributeChange('addresses[type eq "work"].country', None, "DE"),
        AttributeChange('addresses[type eq "work"].locality', None, "Berlin"),
        AttributeChange("title", None, "Countess"),
        AttributeChange(WORK, None, "ada@example.com"),
    ]
    assert merge_elements([(row.path, build_patch_operation(row, {})) for row in rows]) == [
        {"op": "add", "path": "addresses", "value": [{"type": "home", "country": "FR"}]},
        {"op": "add", "path": "addresses", "value": [{"type": "work", "country": "DE", "locality": "Berlin"}]},
        {"op": "replace", "path": "title", "value": "Countess"},
        {"op": "add", "path": "emails", "value": [{"type": "work", "value": "ada@example.com"}]},
    ]


def test_a_resource_has_exactly_its_attributes() -> None:
    assert build_resource(
        {
            "userName": "ada@example.com",
            "active": True,
            "name.givenName": "Ada",
            "name.familyName": "Lovelace",
            DEPARTMENT: "Engineering",
            f"{ENTERPRISE}:manager.value": "26118915",
            WORK: "ada@example.com",
            'emails[type eq "work"].display': "Ada",
            'emails[type eq "home"].value': "home@example.com",
            ROLE: "admin",
            "roles[primary eq true].display": "Admin",
            "roles[primary eq false].value": "user",
            "urn:x:User:badge": "7",
            'urn:x:User:tags[kind eq "a"].value': "b",
        }
    ) == {
        "schemas": [CORE, ENTERPRISE, "urn:x:User"],
        "userName": "ada@example.com",
        "active": True,
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [
            {"type": "home", "value": "home@example.com"},
            {"type": "work", "display": "Ada", "value": "ada@example.com"},
        ],
        "roles": [
            {"primary": False, "value": "user"},
            {"primary": True, "display": "Admin", "value": "admin"},
        ],
        ENTERPRISE: {"department": "Engineering", "manager": {"value": "26118915"}},
        "urn:x:User": {"badge": "7", "tags": [{"kind": "a", "value": "b"}]},
    }


def test_a_resource_without_extensions_names_the_core_schema_alone() -> None:
    assert build_resource({"userName": "ada"}) == {"schemas": [CORE], "userName": "ada"}
    assert build_resource({}) == {"schemas": [CORE]}
