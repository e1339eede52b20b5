"""Attribute mappings, kind by kind."""

from __future__ import annotations

from typing import Any

import pytest
from support.entra_schemas import (
    ENTERPRISE,
    USUAL,
    attribute,
    clause,
    constant,
    differing,
    function,
    group,
    imported,
    lost,
    row,
    schema,
    users,
)

from reconciler.entra.translation import FindingKind, ImportedSchema, TranslatedMapping


def translated(
    given: dict[str, Any], *, profile: str = "scim", **changed: Any
) -> tuple[TranslatedMapping, ImportedSchema]:
    """The row that `given` becomes, after the usual three."""
    found = imported(schema(users([*USUAL, given]), **changed), profile=profile)
    return found.rows[3], found


def entries(given: dict[str, Any], **changed: Any) -> dict[str, Any]:
    found, whole = translated(given, **changed)
    assert found.active, found.comments
    assert lost(whole) == []
    return dict(found.entries)


def refusal(given: dict[str, Any], **changed: Any) -> str:
    """Why the row is a comment. The report says the same."""
    found, whole = translated(given, **changed)
    assert not found.active
    (said,) = lost(whole)
    assert any(said.endswith(comment.removeprefix("No equivalent: ")) for comment in found.comments)
    return said


# --- the kinds of source --------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (attribute("jobTitle"), {"source": "jobTitle"}),
        ({"name": "jobTitle", "type": "Attribute"}, {"source": "jobTitle"}),
        ({"expression": " [ jobTitle ] ", "name": "jobTitle", "type": "Function"}, {"source": "jobTitle"}),
        (function("Trim( [jobTitle] )"), {"expression": "Trim( [jobTitle] )"}),
        ({"expression": "ToUpper([a])", "name": "x", "type": "Attribute"}, {"expression": "ToUpper([a])"}),
        (constant('a "b" \\ c'), {"constant": 'a "b" \\ c'}),
        ({"expression": "Berlin", "name": "", "type": "Constant"}, {"constant": "Berlin"}),
        ({"name": "Berlin", "type": "constant"}, {"constant": "Berlin"}),
        ({"expression": '"1"', "name": "1", "type": "Function"}, {"constant": "1"}),
        (attribute("accountEnabled"), {"expression": "[accountEnabled]"}),
        (attribute("IsSoftDeleted"), {"expression": "[IsSoftDeleted]"}),
    ],
)  # fmt: skip
def test_a_source_becomes_a_rule(source: dict[str, Any], rule: dict[str, str]) -> None:
    assert entries(row("title", source)) == {"target": "title", **rule}


def test_no_source_and_a_default_is_a_constant() -> None:
    found, whole = translated(row("timezone", None, defaultValue="Europe/Berlin"))
    assert found.entries == {"target": "timezone", "constant": "Europe/Berlin"}
    assert differing(whole) == [
        "attributeMappings[3] (timezone): Entra: no source but a default value, which is a constant"
    ]


@pytest.mark.parametrize(
    "source", [None, {"expression": "", "name": "", "type": "Attribute"}, constant(""), constant(" ")]
)
def test_nothing_stays_nothing(source: dict[str, Any] | None) -> None:
    found, whole = translated(row("title", source))
    assert not found.active
    assert lost(whole) == []
    assert (
        next(each.subject for each in whole.findings if each.kind is FindingKind.IGNORED)
        == "attributeMappings[3] (title)"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (function("Replac([a])"), "Did you mean Replace?"),
        (function("DefaultDomain()"), "Entra knows DefaultDomain but does not document it"),
        (function("Trim([a]"), "the expression cannot be used"),
        ({"name": "Trim", "type": "Function", "parameters": []}, "has no source.expression"),
        ({"type": "Function", "parameters": []}, "a function without source.expression"),
        ({**attribute("a"), "type": "Magic"}, 'source.type "Magic"'),
        (attribute("manager"), "a reference"),
        (constant("x" * 10_001), "longer than 10,000 characters"),
        (constant("\U000e0001" * 6_500), "longer than 10,000 characters"),
    ],
)  # fmt: skip
def test_a_source_without_an_equivalent_is_reported(source: dict[str, Any], said: str) -> None:
    assert said in refusal(row("title", source))


def test_a_name_that_contradicts_the_expression_is_reported() -> None:
    found, whole = translated(row("title", {"expression": "[mail]", "name": "upn", "type": "Attribute"}))
    assert found.entries["source"] == "mail"
    assert "source.name says upn" in differing(whole)[0]


def test_active_read_straight_from_is_soft_deleted_would_deactivate_every_user() -> None:
    found = imported(schema(users([*USUAL[:2], row("active", "IsSoftDeleted")])))
    assert not found.rows[2].active
    assert "active would be false for every user in scope" in lost(found)[0]
    assert "deactivate" in found.actions


# --- targets --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (f"{ENTERPRISE}:department", "enterprise:department"),
        (f"{ENTERPRISE.upper()}:DEPARTMENT", "enterprise:department"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", "enterprise:department"),
        (f"{ENTERPRISE}.department", "enterprise:department"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", "title"),
        ("Title", "title"),
        ("name.FORMATTED", "name.formatted"),
        ('emails[type eq "home"].Value', 'emails[type eq "home"].value'),
        ('Addresses[type eq "work"].StreetAddress', 'addresses[type eq "work"].streetAddress'),
        ('roles[primary eq "True"].value', "roles[primary eq true].value"),
        ('Emails[primary eq "True" and type eq "work"].Value', 'emails[type eq "work" and primary eq true].value'),
        ("urn:example:own:2.0:User:badge", "urn:example:own:2.0:User:badge"),
        ('urn:example:own:2.0:User:badges[type eq "a"].value', 'urn:example:own:2.0:User:badges[type eq "a"].value'),
    ],
)
def test_a_target_is_written_as_the_profile_spells_it(target: str, written: str) -> None:
    assert entries(row(target, "jobTitle"))["target"] == written


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("emails", "emails"),
        ('emails[type eq "work"]', "selects an element but no sub-attribute"),
        ("nonsense", 'has no attribute "nonsense"'),
        ("a b", "is not an attribute path"),
        ("id", "id"),
        (f"{ENTERPRISE}:manager", "a reference"),
        ("userName", "attributeMappings[1] maps this target already"),
    ],
)  # fmt: skip
def test_a_target_that_is_not_taken_is_reported(target: str, said: str) -> None:
    found, whole = translated(row(target, "jobTitle"))
    assert not found.active
    assert said in "".join(lost(whole))


def test_the_profile_decides_which_targets_are_taken() -> None:
    assert "Apple Business Manager has no attribute" in refusal(
        row("title", "jobTitle"), profile="apple-business-manager"
    )


# --- flow, default, matching ----------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "target", "apply"),
    [
        ("Always", "title", None),
        ("always", "title", None),
        (None, "title", None),
        ("ObjectAddOnly", "title", "create"),
        ("AttributeAddOnly", "title", "if_empty"),
        ("MultiValueAddOnly", 'emails[type eq "work"].value', "if_empty"),
        ("ValueAddOnly", "title", None),
    ],
)
def test_a_flow_type_becomes_apply(flow: str | None, target: str, apply: str | None) -> None:
    assert entries(row(target, "jobTitle", flowType=flow)).get("apply") == apply


def test_a_value_that_only_grows_is_remarked() -> None:
    _, whole = translated(row("title", "jobTitle", flowType="ValueAddOnly"))
    assert "never removes a value" in differing(whole)[0]


@pytest.mark.parametrize(
    ("flow", "said"), [("MultiValueAddOnly", "adds elements"), ("Sometimes", 'flowType "Sometimes"')]
)
def test_a_flow_type_without_an_equivalent_is_reported(flow: str, said: str) -> None:
    assert said in refusal(row("title", "jobTitle", flowType=flow))


def test_a_default_of_a_matching_attribute_is_left_out() -> None:
    found, whole = translated(row("displayName", "mail", defaultValue="x", matchingPriority=3))
    assert found.entries == {"target": "displayName", "source": "mail", "match": 3}
    assert lost(whole) == ['attributeMappings[3] (displayName): the default "x": a default cannot identify a user']


def test_a_default_that_the_target_refuses_is_left_out() -> None:
    found, whole = translated(row("title", "jobTitle", defaultValue="a\nb"))
    assert found.active
    assert "default" not in found.entries
    assert "U+000A" in lost(whole)[0]


def test_defaults_are_kept_also_where_the_expression_always_gives_a_value() -> None:
    assert entries(row("title", function('Coalesce([a], "b")'), defaultValue="c"))["default"] == "c"
    assert "default" not in entries(row("title", "jobTitle", defaultValue=""))


# --- what the directories say ---------------------------------------------------


def defined(name: str, **facets: Any) -> dict[str, Any]:
    kinds = {"source": ("Azure Active Directory", "User"), "target": ("Target", ENTERPRISE)}
    directory, kind = kinds[facets.pop("side", "target")]
    objects = [{"name": kind, "attributes": [{"name": name, "type": "String", **facets}]}]
    return {"directories": [{"id": "1", "name": directory, "objects": objects}]}


def test_the_default_of_a_required_target_attribute_counts() -> None:
    found, whole = translated(row("title", "jobTitle"), **defined("TITLE", required=True, defaultValue="n/a"))
    assert found.entries["default"] == "n/a"
    assert lost(whole) == []
    assert "the schema requires the attribute" in differing(whole)[0]


def test_a_required_attribute_that_the_profile_does_not_require_is_reported() -> None:
    found, whole = translated(row("title", "jobTitle"), **defined("title", required=True))
    assert found.active
    assert "the schema requires this attribute" in lost(whole)[0]
    assert lost(imported(schema(users(), **defined("userName", required=True)))) == []


@pytest.mark.parametrize(
    ("facets", "said"),
    [
        ({"name": "title", "mutability": "ReadOnly"}, "ReadOnly"),
        ({"name": "title", "type": "Reference"}, "a reference"),
        ({"name": "jobTitle", "side": "source", "referencedObjects": [{}]}, "a reference"),
    ],
)
def test_what_the_directories_rule_out_is_reported(facets: dict[str, Any], said: str) -> None:
    assert said in refusal(row("title", "jobTitle"), **defined(**facets))


def test_the_attributes_that_users_need_are_collected() -> None:
    rows = [row("title", function('Join(" ", [b], [a])')), row("nonsense", "c"), row("nickName", "IsSoftDeleted")]
    found = imported(schema(users([*USUAL, *rows], groups=[group("g", clause("d", "IS NULL"))])))
    assert found.attributes == ("objectId", "userPrincipalName", "b", "a", "d")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (row("active", constant("maybe")), 'the constant cannot be used: active holds "maybe", neither true nor false'),
        (
            row("title", None, defaultValue="a\u202eb"),
            "the constant cannot be used: title contains the character U+202E RIGHT-TO-LEFT OVERRIDE",
        ),
    ],
)
def test_a_constant_that_the_target_refuses_is_left_out(given: dict[str, Any], said: str) -> None:
    found = imported(schema(users([*USUAL[:2], given])))
    assert [each.active for each in found.rows] == [True, True, False]
    assert lost(found) == [f"attributeMappings[2] ({given['targetAttributeName']}): {said}"]


# --- matching -------------------------------------------------------------------


def test_equal_priorities_become_distinct_in_the_order_of_the_schema() -> None:
    given = [
        row("externalId", "objectId", matchingPriority=1),
        row("userName", "userPrincipalName", matchingPriority=1),
        row("title", "jobTitle", matchingPriority=2),
        row("displayName", "displayName", matchingPriority=9),
    ]
    found = imported(schema(users([*given, USUAL[2]])))
    assert [each.entries.get("match") for each in found.rows] == [1, 2, 3, 9, None]
    said = "matchingPriority {} is {} here: each row needs its own"
    assert [line for line in differing(found) if "here: each row" in line] == [
        f"attributeMappings[1] (userName): {said.format(1, 'match: 2')}",
        f"attributeMappings[2] (title): {said.format(2, 'match: 3')}",
    ]


def test_the_priority_of_a_row_that_is_left_out_is_free() -> None:
    given = [row("nothingKnown", "a", matchingPriority=1), row("userName", "userPrincipalName", matchingPriority=1)]
    found = imported(schema(users(given)))
    assert [each.entries.get("match") for each in found.rows if each.active] == [1]


def test_entras_spelling_of_a_boolean_is_no_difference() -> None:
    found = imported(schema(users([*USUAL, row('roles[primary eq "True"].value', "appRole")])))
    assert (lost(found), differing(found)) == ([], [])
    assert found.rows[-1].comments == ("attributeMappings[3]",)


# --- reporting ------------------------------------------------------------------


def test_a_row_that_is_left_out_is_reported_once() -> None:
    given = [
        row('emails[type eq "work"].primary', None, defaultValue="True"),
        row("nothingKnown", {**attribute("a"), "name": "b"}, flowType="ValueAddOnly"),
        row("TITLE", {**attribute("jobTitle"), "name": "b"}),
    ]
    found = imported(schema(users([*USUAL, *given])))
    subjects = [each.subject for each in found.findings if "attributeMappings" in each.subject]
    assert [subject.partition("]")[0] for subject in subjects] == [
        "attributeMappings[3",
        "attributeMappings[4",
        "attributeMappings[5",
        "attributeMappings[5",
    ]
    assert [line.partition("]")[0] for line in lost(found)] == ["attributeMappings[3", "attributeMappings[4"]
    assert len(differing(found)) == 2, "a row that is used says everything that differs"
