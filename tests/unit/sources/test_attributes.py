from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import AttributeMapping
from reconciler.core.profile import Attribute, Confidence
from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.sources.attributes import (
    GRAPH_ATTRIBUTES,
    Form,
    UnusableValueError,
    collect_inputs,
    flatten_row,
    select_attributes,
    strip_guest_name,
)

EXTENSION = "extension_0123456789abcdef0123456789abcdef_badge"
ADA = "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
IDENTITY = {"id": ADA, "userPrincipalName": "ada@example.com", "accountEnabled": True}


def _flatten(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return flatten_row(IDENTITY | row, select_attributes(names))


def test_every_attribute_that_editors_offer_is_read() -> None:
    assert set(ENTRA_ATTRIBUTES) <= set(GRAPH_ATTRIBUTES)


def test_every_property_is_one_of_graph_and_of_its_type() -> None:
    path = Path(__file__).parents[2] / "support" / "csdl" / "graph_subset.csdl.json"
    types = json.loads(path.read_text("utf-8"))["microsoft.graph"]
    for attribute in GRAPH_ATTRIBUTES.values():
        name = attribute.selected
        found = {**types["entity"], **types["directoryObject"], **types["user"]}[name]
        if attribute.part:
            assert attribute.part in types[found["$Type"].removeprefix("graph.")], attribute
        elif found.get("$Kind") == "NavigationProperty":
            assert attribute.form is Form.REFERENCE
        elif found.get("$Collection"):
            assert attribute.form in (Form.LIST, Form.FIRST)
        else:
            assert (attribute.form is Form.FLAG) is (found.get("$Type") == "Edm.Boolean"), attribute


def test_the_identity_is_always_read_and_each_property_selected_once() -> None:
    chosen = select_attributes(
        ["costCenter", "division", "extensionAttribute2", "originalUserPrincipalName", "manager"]
    )
    assert chosen.properties == (
        "id",
        "userPrincipalName",
        "accountEnabled",
        "employeeOrgData",
        "onPremisesExtensionAttributes",
    )
    assert chosen.with_manager
    assert not select_attributes(["division"]).with_manager


def test_values_get_the_names_of_provisioning() -> None:
    row = {
        "employeeOrgData": {"costCenter": "0012", "division": None},
        "onPremisesExtensionAttributes": {"extensionAttribute3": "x", "extensionAttribute4": None},
        "mobilePhone": "+49 1",
        "businessPhones": ["+49 2", "+49 3"],
        "officeLocation": "B 12",
        "faxNumber": "",
        "onPremisesSyncEnabled": True,
        "otherMails": ["a@example.org", ""],
        "proxyAddresses": [],
        "manager": {"@odata.type": "#microsoft.graph.user", "id": "m-1"},
        EXTENSION: 1234,
    }
    names = [
        *("costCenter", "division", "extensionAttribute3", "extensionAttribute4", "mobile", "telephoneNumber"),
        *("physicalDeliveryOfficeName", "facsimileTelephoneNumber", "dirSyncEnabled", "otherMails", "proxyAddresses"),
        *("manager", EXTENSION, "department"),
    ]
    assert _flatten(row, *names) == {
        "objectId": ADA,
        "userPrincipalName": "ada@example.com",
        "accountEnabled": True,
        "costCenter": "0012",
        "extensionAttribute3": "x",
        "mobile": "+49 1",
        "telephoneNumber": "+49 2",
        "physicalDeliveryOfficeName": "B 12",
        "dirSyncEnabled": True,
        "otherMails": ("a@example.org",),
        "manager": "m-1",
        EXTENSION: "1234",
    }


def test_a_null_of_a_complex_property_is_unassigned() -> None:
    assert "costCenter" not in _flatten({"employeeOrgData": None}, "costCenter")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"department": 12}, "department"),
        ({"department": ["x"]}, "department"),
        ({"department": "x" * 65_537}, "department"),
        ({"onPremisesSyncEnabled": "true"}, "dirSyncEnabled"),
        ({"businessPhones": "+49"}, "telephoneNumber"),
        ({"otherMails": [{"a": 1}]}, "otherMails"),
        ({"otherMails": ["x"] * 1_001}, "otherMails"),
        ({"employeeOrgData": "x"}, "division"),
        ({"employeeOrgData": {"division": 5}}, "division"),
        ({"manager": "m-1"}, "manager"),
        ({"manager": {"id": 5}}, "manager"),
        ({EXTENSION: {"a": 1}}, EXTENSION),
        ({EXTENSION: 10**40}, EXTENSION),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused(row: dict[str, Any], name: str) -> None:
    with pytest.raises(UnusableValueError, match="is not"):
        _flatten(row, name)


def test_directory_extensions_have_any_type() -> None:
    assert _flatten({EXTENSION: ["a", "b"]}, EXTENSION)[EXTENSION] == ("a", "b")
    assert _flatten({EXTENSION: False}, EXTENSION)[EXTENSION] == "False"
    assert EXTENSION not in _flatten({EXTENSION: []}, EXTENSION)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("skills", "one user at a time"),
        ("customSecurityAttributes", "custom security attributes"),
        ("departmnet", "is department meant"),
        ("jobtitle", "is jobTitle meant"),
        ("ext8jqhxyz1_card", "schema extensions"),
        ("badgeNumber", "have no such attribute"),
        ("extension_12_badge", "schema extensions"),
    ],
)
def test_what_graph_cannot_list_is_named_with_its_reason(name: str, reason: str) -> None:
    chosen = select_attributes([name])
    assert [each.name for each in chosen.unavailable] == [name]
    assert reason in chosen.unavailable[0].reason
    assert name not in chosen.names


def test_only_properties_that_came_were_read() -> None:
    chosen = select_attributes(["department", "costCenter", "manager"])
    returned = chosen.find_returned({"id", "userPrincipalName", "accountEnabled", "employeeOrgData"})
    assert returned == {"objectId", "userPrincipalName", "accountEnabled", "costCenter"}


def test_inputs_are_those_of_mappings_filters_and_the_place() -> None:
    mapping = AttributeMapping(
        Attribute("userName", "test", Confidence.DOCUMENTED), lambda _: None, ("mail", "IsSoftDeleted")
    )
    found = collect_inputs([mapping], ["department", "lifecycle.starts"], "users/{companyName}/{city}.yaml")
    assert found == {"mail", "department", "companyName", "city"}


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("ada_fabrikam.com#EXT#@contoso.com", "ada@fabrikam.com"),
        ("ada_k_fabrikam.com#EXT#@contoso.com", "ada_k@fabrikam.com"),
        ("ada@example.com", "ada@example.com"),
        ("ada#EXT#@contoso.com", "ada#EXT#@contoso.com"),
        ("_fabrikam.com#EXT#@contoso.com", "_fabrikam.com#EXT#@contoso.com"),
        ("a_b#EXT#@contoso.com", "a_b#EXT#@contoso.com"),
    ],
)
def test_guests_have_their_own_address(name: str, own: str) -> None:
    assert strip_guest_name(name) == own


def test_a_guest_keeps_the_whole_name_too() -> None:
    values = _flatten({"userPrincipalName": "ada_fabrikam.com#EXT#@contoso.com"}, "originalUserPrincipalName")
    assert values["userPrincipalName"] == "ada@fabrikam.com"
    assert values["originalUserPrincipalName"] == "ada_fabrikam.com#EXT#@contoso.com"
