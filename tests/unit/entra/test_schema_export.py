"""The schema that a desired state becomes: its shape, and what Entra has no equal for."""

from __future__ import annotations

from typing import Any

import pytest
from support.entra_schemas import ENTERPRISE

from reconciler.desired import schema
from reconciler.entra.schema_export import ExportInput, export_schema
from reconciler.entra.translation import FindingKind
from reconciler.errors import SchemaError
from reconciler.profiles import PROFILES


def exported(
    rows: list[dict[str, Any]] | None = None,
    filters: list[dict[str, Any]] | None = None,
    actions: tuple[str, ...] = ("create", "update", "deactivate", "delete"),
) -> tuple[dict[str, Any], list[str]]:
    """The object mapping, and what has no equal."""
    given = ExportInput(
        PROFILES["scim"],
        [schema.MappingEntry.model_validate(each) for each in rows or []],
        [schema.FilterEntry.model_validate(each) for each in filters or []],
        actions,
        ["department", "accountEnabled"],
    )
    document, findings = export_schema(given)
    mapping = document["synchronizationRules"][0]["objectMappings"][0]
    return mapping, [f"{each.subject}: {each.reason}" for each in findings if each.kind is FindingKind.NO_EQUIVALENT]


def only(row: dict[str, Any]) -> dict[str, Any]:
    mapping, lost = exported([row])
    assert lost == []
    (found,) = mapping["attributeMappings"]
    return dict(found)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({"source": "department"}, ("Attribute", "department", "[department]")),
        ({"constant": 'a "b"'}, ("Constant", 'a "b"', '"a \\"b\\""')),
        ({"expression": "Trim( [a] )"}, ("Function", "Trim", "Trim( [a] )")),
        ({"template": "{{ a | trim }}"}, ("Function", "Trim", "Trim([a])")),
        ({"template": "x"}, ("Constant", "x", '"x"')),
    ],
)
def test_a_rule_becomes_a_source(rule: dict[str, str], source: tuple[str, str, str]) -> None:
    found = only({"target": "title", **rule})["source"]
    assert (found["type"], found["name"], found["expression"]) == source


@pytest.mark.parametrize(
    ("target", "exported_as"),
    [
        ("roles[primary eq true].value", 'roles[primary eq "True"].value'),
        ('roles[primary eq "True"].value', 'roles[primary eq "True"].value'),
        ('emails[type eq "work" and primary eq false].value', 'emails[type eq "work" and primary eq "False"].value'),
        ("enterprise:department", f"{ENTERPRISE}:department"),
    ],
)
def test_booleans_of_a_target_are_in_quotes_as_entra_writes_them(target: str, exported_as: str) -> None:
    assert only({"target": target, "source": "a"})["targetAttributeName"] == exported_as


def test_a_row_has_everything_that_graph_documents() -> None:
    row = {"target": "enterprise:department", "source": "department", "match": "2", "apply": "if_empty", "default": "x"}
    assert only(row) == {
        "defaultValue": "x",
        "exportMissingReferences": False,
        "flowBehavior": "FlowWhenChanged",
        "flowType": "AttributeAddOnly",
        "matchingPriority": 2,
        "targetAttributeName": f"{ENTERPRISE}:department",
        "source": {"expression": "[department]", "name": "department", "type": "Attribute", "parameters": []},
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": "a]b"}, "cannot be written in brackets"),
        ({"source": " a"}, "cannot be written in brackets"),
        ({"source": "IsSoftDeleted"}, "a direct mapping of IsSoftDeleted"),
        ({"template": "{{ a[0] }}"}, "a template without an equivalent expression"),
        ({"template": "{{ a }}" * 60}, "the template's expression would be rejected"),
        ({"source": "a", "when_null": "clear"}, "Entra never clears a value"),
    ],
)
def test_a_row_without_an_equivalent_is_reported(row: dict[str, str], said: str) -> None:
    mapping, lost = exported([{"target": "title", **row}])
    assert said in lost[0]
    assert len(mapping["attributeMappings"]) == ("when_null" in row)


def test_filters_become_groups() -> None:
    clauses = [
        {"attribute": "a", "operator": "not_equals", "value": "x"},
        {"attribute": "b", "operator": "IS NULL"},
    ]
    mapping, lost = exported(filters=[{"name": "one", "clauses": clauses}])
    assert lost == []
    assert mapping["scope"]["groups"] == [
        {
            "name": "one",
            "clauses": [
                {"operatorName": "NOT EQUALS", "sourceOperandName": "a", "targetOperand": {"values": ["x"]}},
                {"operatorName": "IS NULL", "sourceOperandName": "b", "targetOperand": {"values": []}},
            ],
        }
    ]


PLAIN = {"name": "plain", "clauses": [{"attribute": "a", "operator": "IS NULL"}]}


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        ({"not": "true"}, "Entra has no not: true"),
        ({"clauses": [{"operator": "IS MEMBER OF", "value": "x"}]}, "Entra has no IS MEMBER OF"),
        ({"clauses": [{"attribute": "a", "operator": "DATE AFTER", "value": "today"}]}, "Entra has no DATE AFTER"),
        (
            {"clauses": [{"attribute": "a", "operator": "EQUALS", "value": "x", "ignore_case": "true"}]},
            "no ignore_case",
        ),
        (
            {"clauses": [{"attribute": "a", "operator": "EQUALS", "value": "x", "values_match": "any"}]},
            "no values_match",
        ),
        (
            {"clauses": [{"attribute": "lifecycle.protected", "operator": "IS TRUE"}]},
            "no attribute lifecycle.protected",
        ),
    ],
)
def test_an_extension_takes_its_filter_along(extension: dict[str, Any], said: str) -> None:
    filtered = {"name": "ours", "clauses": PLAIN["clauses"], **extension}
    mapping, lost = exported(filters=[PLAIN, filtered])
    assert said in lost[0]
    assert [each["name"] for each in mapping["scope"]["groups"]] == ["plain"]
    with pytest.raises(SchemaError, match="every assigned user would pass") as exc:
        exported(filters=[filtered])
    assert said in exc.value.detail


@pytest.mark.parametrize(
    ("actions", "flow_types"),
    [
        (("create", "update", "deactivate", "delete"), "Add, Update, Delete"),
        (("delete", "create"), "Add, Delete"),
        (("update", "deactivate"), "Update"),
        ((), ""),
    ],
)
def test_actions_become_flow_types(actions: tuple[str, ...], flow_types: str) -> None:
    mapping, lost = exported(actions=actions)
    assert mapping["flowTypes"] == flow_types
    assert lost == []


@pytest.mark.parametrize("action", ["update", "deactivate"])
def test_only_one_of_update_and_deactivate_has_no_equivalent(action: str) -> None:
    mapping, lost = exported(actions=("create", action))
    assert mapping["flowTypes"] == "Add"
    assert "it cannot do only one of update and deactivate" in lost[0]


def test_the_directories_define_what_is_used() -> None:
    given = ExportInput(
        PROFILES["scim"],
        [
            schema.MappingEntry(target="userName", source="userPrincipalName"),
            schema.MappingEntry(target="active", source="accountEnabled"),
        ],
        [],
        ("create",),
        ["userPrincipalName", "accountEnabled"],
    )
    document, _ = export_schema(given)
    source, target = document["directories"]
    assert [(each["name"], each["type"], each["anchor"]) for each in source["objects"][0]["attributes"]] == [
        ("objectId", "String", True),
        ("IsSoftDeleted", "Boolean", False),
        ("accountEnabled", "Boolean", False),
        ("userPrincipalName", "String", False),
    ]
    assert [(each["name"], each["required"], each["caseExact"]) for each in target["objects"][0]["attributes"]] == [
        ("id", False, True),
        ("userName", True, False),
        ("active", False, False),
    ]
    assert export_schema(given) == export_schema(given)
