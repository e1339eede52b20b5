"""Builders for synchronization schemas: each gives a whole, valid part; what a test is about is passed by keyword."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reconciler.core.model import SourceUser
from reconciler.core.text import escape_control
from reconciler.entra.schema_import import import_schema
from reconciler.entra.synchronization_schema import read_schema
from reconciler.entra.translation import FindingKind, ImportedSchema
from reconciler.expressions import grammar
from reconciler.profiles import PROFILES
from support.builders import NOW

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
FIXTURES = Path(__file__).parents[1] / "fixtures"
APPLE = FIXTURES / "entra-apple-business-manager.json"
SCIM_APPLICATION = FIXTURES / "entra-scim-application.json"


def attribute(name: str) -> dict[str, Any]:
    return {"expression": f"[{name}]", "name": name, "type": "Attribute", "parameters": []}


def constant(text: str) -> dict[str, Any]:
    return {"expression": grammar.String(text).text, "name": text, "type": "Constant", "parameters": []}


def function(expression: str) -> dict[str, Any]:
    return {"expression": expression, "name": expression.partition("(")[0], "type": "Function", "parameters": []}


def row(target: str, source: dict[str, Any] | str | None, **changed: Any) -> dict[str, Any]:
    """An attributeMapping; a string is the name of a source attribute."""
    return {
        "targetAttributeName": target,
        "source": attribute(source) if isinstance(source, str) else source,
        "defaultValue": None,
        "flowType": "Always",
        "flowBehavior": "FlowWhenChanged",
        "matchingPriority": 0,
        "exportMissingReferences": False,
        **changed,
    }


USUAL = (
    row("externalId", "objectId", matchingPriority=1),
    row("userName", "userPrincipalName", matchingPriority=2),
    row("active", function("Not([IsSoftDeleted])"), defaultValue="True"),
)


def clause(attribute_: str, operator: str, *values: str) -> dict[str, Any]:
    return {"sourceOperandName": attribute_, "operatorName": operator, "targetOperand": {"values": list(values)}}


def group(name: str, *clauses: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "clauses": list(clauses)}


def users(
    rows: Iterable[dict[str, Any]] = USUAL, groups: Iterable[dict[str, Any]] = (), **changed: Any
) -> dict[str, Any]:
    """An objectMapping of users."""
    return {
        "name": "Provision Users",
        "enabled": True,
        "flowTypes": "Add, Update, Delete",
        "sourceObjectName": "User",
        "targetObjectName": ENTERPRISE,
        "scope": {"groups": list(groups), "inputFilterGroups": [], "categoryFilterGroups": []},
        "attributeMappings": list(rows),
        "metadata": [],
        **changed,
    }


def schema(*mappings: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A synchronizationSchema with one rule."""
    rule = {
        "id": "rule-1",
        "name": "USER_OUTBOUND_USER",
        "priority": 1,
        "editable": True,
        "sourceDirectoryName": "Azure Active Directory",
        "targetDirectoryName": "Target",
        "objectMappings": list(mappings) or [users()],
        "metadata": [],
        **changed.pop("rule", {}),
    }
    return {"id": "schema-1", "version": "6.0", "directories": [], "synchronizationRules": [rule], **changed}


def imported(document: dict[str, Any], *, profile: str = "scim", rule: str | None = None) -> ImportedSchema:
    content = json.dumps(document).encode()
    return import_schema(read_schema(content), PROFILES[profile], rule, NOW)


def lost(found: ImportedSchema) -> list[str]:
    """`subject: reason` of what has no equal."""
    return [
        escape_control(f"{each.subject}: {each.reason}")
        for each in found.findings
        if each.kind is FindingKind.NO_EQUIVALENT
    ]


def differing(found: ImportedSchema) -> list[str]:
    return [f"{each.subject}: {each.reason}" for each in found.findings if each.kind is FindingKind.DIFFERS]


# --- the document's own meaning, without any of the product's code -------------------


def passes(document: dict[str, Any], user: SourceUser) -> bool:
    """Whether the scope of the first rule's first mapping lets the user pass: OR of groups, AND of clauses."""
    scope = document["synchronizationRules"][0]["objectMappings"][0]["scope"]
    groups = scope["groups"] if scope else []
    return not groups or any(all(_true(each, user) for each in one["clauses"]) for one in groups)


def _true(given: dict[str, Any], user: SourceUser) -> bool:
    value = user.attributes.get(given["sourceOperandName"])
    operator = given["operatorName"]
    if operator == "IS NULL":
        return value is None
    if value is None:
        return False
    if operator == "IS NOT NULL":
        return True
    if operator in ("IS TRUE", "IS FALSE"):
        return str(value).lower() == operator[3:].lower()
    text, wanted = str(value), given["targetOperand"]["values"][0]
    if operator.startswith("Greater"):
        return text.isdigit() and (int(text) > int(wanted) or (int(text) == int(wanted) and "OR" in operator))
    return {
        "EQUALS": text == wanted,
        "NOT EQUALS": text != wanted,
        "Includes": wanted in text,
        "ENDS_WITH": text.endswith(wanted),
    }[operator]
