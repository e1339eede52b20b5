"""Which mapping of objects counts, and what follows for settings.yaml."""

from __future__ import annotations

from typing import Any

import pytest
from support.entra_schemas import USUAL, differing, function, imported, lost, row, schema, users

from reconciler.entra.translation import FindingKind
from reconciler.errors import SchemaError

GROUPS = {"name": "Groups", "sourceObjectName": "Group", "targetObjectName": "Group"}


def rule(name: str, *mappings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema(*mappings, rule={"name": name, "id": f"id-{name}"})["synchronizationRules"][0]
    return found


@pytest.mark.parametrize(
    "name",
    [
        "User",
        "user",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
    ],
)
def test_every_name_of_a_user_is_known(name: str) -> None:
    assert len(imported(schema(users(targetObjectName=name))).rows) == 3


def test_groups_are_not_translated_and_reported() -> None:
    assert "only users are provisioned here" in lost(imported(schema(users(**GROUPS), users())))[0]
    off = imported(schema(users(**GROUPS, enabled=False), users()))
    assert lost(off) == []
    assert "not enabled" in [each.reason for each in off.findings]


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ((), "the schema has no mapping of users"),
        ((users(**GROUPS),), "the schema has no mapping of users"),
        ((users(enabled=False),), "no mapping of users is enabled"),
        ((users(), users(name="Guests")), "the schema has several mappings of users"),
    ],
)
def test_no_clear_mapping_of_users_is_an_error(mappings: tuple[dict[str, Any], ...], said: str) -> None:
    document = schema(*mappings)
    document["synchronizationRules"][0]["objectMappings"] = list(mappings)
    with pytest.raises(SchemaError) as exc:
        imported(document)
    assert exc.value.summary == said
    if "several" in said:
        assert '"Provision Users" of rule "USER_OUTBOUND_USER"; "Guests"' in exc.value.detail


@pytest.mark.parametrize("name", ["second", "ID-SECOND", "Guests"])
def test_a_rule_is_chosen_by_name_or_id(name: str) -> None:
    document = schema()
    guests = users([*USUAL, row("title", "jobTitle")], name="Guests")
    document["synchronizationRules"] = [rule("first", users()), rule("second", guests)]
    found = imported(document, rule=name)
    assert len(found.rows) == 4
    assert lost(found) == []
    assert any("another mapping of users was chosen" in each.reason for each in found.findings)


@pytest.mark.parametrize(("name", "said"), [("third", "no mapping of users is called"), ("Provision Users", "several")])
def test_a_name_that_means_none_or_several_is_refused(name: str, said: str) -> None:
    document = schema()
    document["synchronizationRules"] = [rule("first", users()), rule("second", users())]
    with pytest.raises(SchemaError, match=said):
        imported(document, rule=name)


def test_a_mapping_that_is_off_can_be_taken_by_name() -> None:
    found = imported(schema(users(enabled=False)), rule="USER_OUTBOUND_USER")
    assert "not enabled in Entra, so it provisions no users there" in differing(found)[0]


@pytest.mark.parametrize(
    ("flow_types", "actions"),
    [
        ("Add, Update, Delete", ("create", "update", "deactivate", "delete")),
        ("Add,Update", ("create", "update", "deactivate")),
        ("Add", ("create",)),
        ("Delete", ("delete",)),
        ("", ()),
        ("None", ()),
    ],
)
def test_flow_types_become_actions(flow_types: str, actions: tuple[str, ...]) -> None:
    found = imported(schema(users(flowTypes=flow_types)))
    assert found.actions == actions
    assert lost(found) == []


def test_an_unknown_flow_type_is_reported() -> None:
    assert lost(imported(schema(users(flowTypes="Add, Merge")))) == ['flowTypes: "Merge" is not Add, Update or Delete']


def test_an_active_that_flows_on_create_only_disables_no_users_in_entra() -> None:
    for flow in ("ObjectAddOnly", "AttributeAddOnly"):
        active = row("active", function("Not([IsSoftDeleted])"), flowType=flow)
        found = imported(schema(users([*USUAL[:2], active])))
        assert found.actions == ("create", "update", "delete")
        assert [line for line in differing(found) if line.startswith("active: ")] == [
            f"active: flowType {flow}: Entra disables no users with it, so actions omit deactivate"
        ]


def test_without_a_mapping_of_active_entra_disables_no_users() -> None:
    for rows in (USUAL[:2], [*USUAL[:2], row("active", function('CBool("True")'))]):
        found = imported(schema(users(rows)))
        assert found.actions == ("create", "update", "delete")
        assert any("Entra disables no users" in said for said in differing(found))


def test_what_the_file_needs_and_lacks_is_reported() -> None:
    found = imported(schema(users([row("nonsense", "x", matchingPriority=1)])))
    assert [each.subject for each in found.findings if each.kind is FindingKind.NO_EQUIVALENT][1:] == [
        "userName",
        "matchingPriority",
    ]


def test_matching_without_external_id_is_remarked() -> None:
    found = imported(schema(users([row("userName", "userPrincipalName", matchingPriority=1), *USUAL[2:]])))
    assert "a changed user name creates a new account" in differing(found)[0]


def test_another_source_than_entra_is_remarked() -> None:
    found = imported(schema(rule={"sourceDirectoryName": "Workday"}))
    assert 'the source is "Workday", not Entra' in differing(found)[0]


def test_everything_that_has_no_meaning_here_is_named() -> None:
    definition = {"name": "userName", "type": "String", "caseExact": True, "flowNullValues": True}
    directories = [
        {"name": "Target", "objects": [{"name": users()["targetObjectName"], "attributes": [definition]}]},
    ]
    rows = [*USUAL, row("title", "jobTitle", flowBehavior="FlowAlways", exportMissingReferences=True)]
    document = schema(users(rows, metadata=[{"key": "Odd", "value": "1"}]), directories=directories, surprise=1)
    document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][3]["source"]["parameters"] = [
        {"key": 1}
    ]
    found = imported(document)
    assert lost(found) == []
    ignored = {each.subject: each.reason for each in found.findings if each.kind is FindingKind.IGNORED}
    assert ignored["flowBehavior"].startswith("FlowWhenChanged 3 times, FlowAlways 1 time:")
    assert "1 tree:" in ignored["source.parameters"]
    assert "1 attribute definition of 1 object" in ignored["directories"]
    assert ignored["flowNullValues"].startswith("userName:")
    assert "Odd = 1" in ignored["metadata"]
    assert ignored["further keys"] == "not documented: surprise"
    assert "exportMissingReferences" in ignored
