"""Scoping filters, and how they close when something is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.entra_schemas import USUAL, clause, differing, group, imported, lost, schema, users

from reconciler.entra.translation import ImportedSchema
from reconciler.entra.yaml_writer import render_scope

SALES = group("Sales", clause("department", "EQUALS", "Sales"))


def scoped(*groups: dict[str, Any], **scope: Any) -> ImportedSchema:
    return imported(schema(users(USUAL, scope={"groups": list(groups), **scope})))


@pytest.mark.parametrize(
    ("written", "operator"),
    [
        ("EQUALS", "EQUALS"), ("equals", "EQUALS"), ("NOT_EQUALS", "NOT EQUALS"), ("Ends With", "ENDS_WITH"),
        ("GREATER THAN", "Greater_Than"), ("Greater_Than_OR_EQUALS", "Greater_Than_OR_EQUALS"),
        ("INCLUDES", "Includes"),
        ("REGEX MATCH", "REGEX MATCH"), ("not_regex_match", "NOT REGEX MATCH"), ("&", "&"), ("!&", "!&"),
    ],
)  # fmt: skip
def test_operators_with_a_value_in_any_spelling(written: str, operator: str) -> None:
    found = scoped(group("g", clause("a", written, "10")))
    assert lost(found) == []
    assert found.filters.groups[0].clauses == ({"attribute": "a", "operator": operator, "value": "10"},)


@pytest.mark.parametrize("operand", [None, {}, {"values": None}, {"values": []}, {"values": [""]}, {"values": [None]}])
@pytest.mark.parametrize("operator", ["IS NULL", "IS NOT NULL", "IS TRUE", "is_false"])
def test_operators_without_a_value_take_every_form_of_none(operator: str, operand: Any) -> None:
    given = {"sourceOperandName": "a", "operatorName": operator, "targetOperand": operand}
    found = scoped(group("g", given))
    assert lost(found) == []
    assert "value" not in found.filters.groups[0].clauses[0]


def test_a_value_where_none_belongs_is_remarked() -> None:
    found = scoped(group("g", clause("a", "IS NULL", "x")))
    assert differing(found) == ["scope.groups[0] (g): clauses[0]: IS NULL takes no value, but the schema has one"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (clause("a", "EQUALS", "x", "y"), "EQUALS has several values"),
        (clause("a", "EQUALS"), "EQUALS has no value"),
        (clause("a", "EQUALS", ""), "needs a value"),
        (clause("a", "EQUAL", "x"), 'the operator "EQUAL" is not documented by Entra; the nearest is EQUALS'),
        (clause("a", "Valid Cert Match", "x"), "is not documented by Entra"),
        (clause("a", "IS MEMBER OF", "x"), "is not documented by Entra"),
        (clause("a", "Greater_Than", "ten"), "is not a whole number"),
        (clause("a", "REGEX MATCH", "(?=x)"), "the pattern cannot be used"),
        (clause("", "EQUALS", "x"), "the clause has no attribute"),
        (clause("IsSoftDeleted", "IS TRUE"), "it cannot be a condition"),
        (clause("a", "EQUALS", "x" * 10_001), "longer than 10,000"),
    ],
)  # fmt: skip
def test_a_clause_without_an_equivalent_takes_its_group_along(given: dict[str, Any], said: str) -> None:
    found = scoped(SALES, group("other", clause("b", "IS NULL"), given))
    assert said in "".join(lost(found))
    assert [each.active for each in found.filters.groups] == [True, False]
    assert found.filters.incomplete
    assert not found.filters.closed
    text = render_scope(found, "f")
    assert "  # - name: other\n" in text
    assert "nobody, until" not in text


def test_a_group_without_clauses_has_no_equivalent() -> None:
    assert "without clauses" in lost(scoped(SALES, group("empty")))[0]


@pytest.mark.parametrize(
    "scope",
    [
        {"groups": [group("g", clause("a", "UNHEARD", "x"))]},
        {"groups": [SALES], "inputFilterGroups": [SALES]},
        {"groups": [], "categoryFilterGroups": [SALES]},
    ],
)
def test_a_scope_that_would_be_wider_is_closed(scope: dict[str, Any]) -> None:
    found = imported(schema(users(scope=scope)))
    assert found.filters.closed
    assert lost(found) != []
    text = render_scope(found, "f")
    assert "\n  - name: 'no user, until the groups below are fixed'\n" in text
    assert text.count("\n  - name") == 1, "every other group is a comment"


@pytest.mark.parametrize("key", ["containerFilter", "groupFilter"])
def test_filters_of_the_rule_close_the_scope(key: str) -> None:
    found = imported(schema(users(groups=[SALES]), rule={key: {"included": ["x"]}}))
    assert key in lost(found)[0]
    assert found.filters.closed


@pytest.mark.parametrize("key", ["containerFilter", "groupFilter"])
@pytest.mark.parametrize(
    "given",
    [
        {"includedContainers": []},
        {"includedGroups": None},
        {},
        [],
        {"a": {"b": [[], {}]}},
        json.loads("[" * 900 + "]" * 900),
    ],
)
def test_filters_of_the_rule_that_name_nothing_limit_nothing(key: str, given: Any) -> None:
    found = imported(schema(users(), rule={key: given}))
    assert lost(found) == []
    assert not found.filters.incomplete
    assert "filters:" not in render_scope(found, "f").splitlines()


@pytest.mark.parametrize("given", [{"includedContainers": ["OU=Sales"]}, {"a": {"b": [[], 0]}}, "x", False])
def test_filters_of_the_rule_that_name_anything_close_the_scope(given: Any) -> None:
    found = imported(schema(users(), rule={"containerFilter": given}))
    assert found.filters.closed


def test_without_groups_every_user_passes() -> None:
    for scope in (None, {}, {"groups": []}):
        found = imported(schema(users(scope=scope)))
        assert not found.filters.incomplete
        assert "filters:" not in render_scope(found, "f").splitlines()


def test_filters_of_one_name_are_distinguished() -> None:
    found = scoped(SALES, {**SALES, "name": "sales"}, {**SALES, "name": " "})
    assert [each.name for each in found.filters.groups] == ["Sales", "sales (2)", "group 3"]
    assert "Entra's name: sales" in found.filters.groups[1].comments
