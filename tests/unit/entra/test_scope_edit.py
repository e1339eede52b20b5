from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders import APPLE, NOW
from support.entra_schemas import clause, group, schema, users

from reconciler.entra.schema_import import import_schema
from reconciler.entra.scope_edit import list_filters, read_filters, replace_filters
from reconciler.entra.synchronization_schema import read_schema
from reconciler.entra.translation import ImportedSchema
from reconciler.errors import SchemaError

SCOPE = """\
# who
sync: assigned
filters:  # old
  - name: Old
    clauses: [{attribute: city, operator: EQUALS, value: Bonn}]
# about the exclusions
excluded:
  users: [eve@example.com]
"""
SALES = [("Sales", [{"attribute": "department", "operator": "EQUALS", "value": "Sales"}])]


def imported(*groups: dict[str, Any]) -> ImportedSchema:
    content = json.dumps(schema(users(groups=groups))).encode()
    return import_schema(read_schema(content), APPLE, None, NOW)


def test_filters_are_replaced_and_everything_else_stays() -> None:
    found = imported(group("Sales", clause("department", "EQUALS", "Sales")))
    edited = replace_filters(SCOPE, found, "job 1")
    kept, _, filters = edited.partition("# Scoping filters")
    assert kept == SCOPE.replace(SCOPE[SCOPE.index("filters:") : SCOPE.index("# about")], "") + "\n"
    assert "from job 1." in filters
    assert read_filters(edited) == list_filters(found) == SALES
    assert read_filters(SCOPE) == [("Old", [{"attribute": "city", "operator": "EQUALS", "value": "Bonn"}])]
    assert read_filters(replace_filters(edited, found, "job 1")) == SALES


def test_line_ends_stay() -> None:
    found = imported(group("Sales", clause("department", "EQUALS", "Sales")))
    edited = replace_filters(SCOPE.replace("\n", "\r\n"), found, "job 1")
    assert edited.count("\n") == edited.count("\r\n")
    assert read_filters(edited) == SALES


@pytest.mark.parametrize("text", ["{sync: assigned}\n", "- a\n", "sync: [\n", ""])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match=r"^scope\.yaml is not written as `key: value` lines$"):
        replace_filters(text, imported(group("Sales", clause("department", "EQUALS", "Sales"))), "job 1")


@pytest.mark.parametrize(
    "text", ["- a\n", "sync: [\n", "filters: 7\n", "filters: [7]\n", "filters: [{name: a, clauses: 7}]\n"]
)
def test_filters_that_cannot_be_read(text: str) -> None:
    assert read_filters(text) in ([], [("a", [])])
