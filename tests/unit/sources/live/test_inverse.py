from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import mappings

from reconciler.core.model import AttributeMapping, LiveUser, Value
from reconciler.core.planning.live_user import LiveReader
from reconciler.desired import schema
from reconciler.desired.mappings import compile_row
from reconciler.profiles.generic_scim import GENERIC_SCIM
from reconciler.sources.live.inverse import InvertedUser, Inverter

DEPARTMENT = "enterprise:department"
WORK = 'emails[type eq "work"].value'


def scim(target: str, source: str | None = None, **row: Any) -> AttributeMapping:
    """A row of mappings.yaml, compiled as the product does."""
    entry = {"target": target, **({"source": source} if source else {}), **row}
    compiled, problems = compile_row(schema.MappingEntry.model_validate(entry), GENERIC_SCIM, datetime.now(UTC))
    assert compiled is not None, problems
    return compiled


IDENTITY = (scim("externalId", "objectId", match=1), scim("userName", "userPrincipalName", match=2))


def account(active: bool = True, **values: Value) -> LiveUser:
    known: dict[str, Value] = {"externalId": "id-ada", "userName": "ada@example.com", "active": active, **values}
    return LiveUser(
        id="1",
        user_name=str(known["userName"]),
        external_id=str(known["externalId"]),
        active=active,
        attributes=known,
        managed=True,
        adoptable=False,
    )


def invert(live: LiveUser, *rows: AttributeMapping) -> InvertedUser:
    return Inverter((*IDENTITY, *rows)).invert(live)


def attributes(live: LiveUser, *rows: AttributeMapping) -> dict[str, Any]:
    """The source attributes besides those that identify the user, all of which are mapped back to what is live."""
    found = invert(live, *rows)
    assert found.lost == ()
    assert (found.attributes["objectId"], found.attributes["userPrincipalName"]) == ("id-ada", "ada@example.com")
    return {k: v for k, v in found.attributes.items() if k not in ("objectId", "userPrincipalName", "accountEnabled")}


def test_direct_mappings_are_read_backwards_in_the_order_of_an_entry() -> None:
    rows = scim("title", "jobTitle"), scim("name.givenName", "givenName")
    found = invert(account(**{"title": "Engineer", "name.givenName": "Ada"}), *rows)
    assert list(found.attributes.items()) == [
        ("objectId", "id-ada"),
        ("userPrincipalName", "ada@example.com"),
        ("jobTitle", "Engineer"),
        ("givenName", "Ada"),
        ("accountEnabled", True),
    ]
    assert found.lost == ()


def test_an_inactive_account_is_disabled() -> None:
    row = scim("active", expression="Not([IsSoftDeleted])")
    found = invert(account(active=False), row)
    assert (found.attributes["accountEnabled"], found.lost) == (False, ())


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ({"template": "{{ department | trim }}"}, "Research", "Research"),
        ({"template": "{{ department | lower }}"}, "research", "research"),
        ({"template": "Dept. {{ department }} (EU)"}, "Dept. Research (EU)", "Research"),
        ({"expression": "ToUpper([department], )"}, "RESEARCH", "RESEARCH"),
        ({"expression": 'Append([department], "@example.com")'}, "ada@example.com", "ada"),
        ({"expression": 'Join("-", "DE", [department])'}, "DE-Research", "Research"),
        ({"expression": 'Replace([department], "-", , , "_", , )'}, "a_b", "a_b"),
        ({"expression": 'Switch([department], "?", "Research", "R", "Sales", "S")'}, "S", "Sales"),
        ({"expression": 'IIF([department]="Research", "R", "other")'}, "R", "Research"),
        ({"expression": 'Coalesce([department], "none")'}, "Research", "Research"),
        ({"expression": "Left([department], 8)"}, "Research", "Research"),
    ],
)
def test_a_rule_is_read_backwards_if_it_gives_the_value_again(rule: dict[str, str], value: str, expected: str) -> None:
    assert attributes(account(title=value), scim("title", **rule)) == {"department": expected}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"template": "{{ department | lower }}"}, "Research"),
        ({"expression": 'Append([department], "@example.com")'}, "ada@example.org"),
        ({"expression": 'Append([department], "@example.com")'}, "@example.com"),
        ({"expression": 'IIF(IsPresent([department]), "R", "other")'}, "R"),
        ({"expression": 'Join(" ", [department], [division])'}, "Research Berlin"),
        ({"expression": "Left([department], 3)"}, "Research"),
        ({"constant": "Engineer"}, "Doctor"),
    ],
)
def test_what_no_source_value_explains_is_lost(rule: dict[str, str], value: str) -> None:
    found = invert(account(title=value), scim("title", **rule))
    assert [(lost.row.target, lost.live) for lost in found.lost] == [("title", value)]
    assert "department" not in found.attributes


def test_the_default_of_a_switch_is_not_the_value_of_its_attribute() -> None:
    row = scim("title", expression='Switch([department], "Other", "Research", "R")')
    assert attributes(account(title="Other"), row) == {}


def test_a_constant_that_is_live_is_nothing_to_export() -> None:
    assert attributes(account(title="Engineer"), scim("title", constant="Engineer")) == {}


def test_a_name_that_is_joined_is_known_from_its_parts() -> None:
    rows = (
        scim("displayName", expression='Join(" ", [givenName], [surname])'),
        scim("name.givenName", "givenName"),
        scim("name.familyName", "surname"),
    )
    live = account(**{"displayName": "Ada Lovelace", "name.givenName": "Ada", "name.familyName": "Lovelace"})
    assert attributes(live, *rows) == {"givenName": "Ada", "surname": "Lovelace"}


def test_the_rest_of_a_joined_name_is_found_when_one_part_is_known() -> None:
    rows = scim("displayName", expression='Join(" ", [givenName], [surname])'), scim("name.givenName", "givenName")
    live = account(**{"displayName": "Mary Ann Lovelace", "name.givenName": "Mary Ann"})
    assert attributes(live, *rows) == {"givenName": "Mary Ann", "surname": "Lovelace"}


def test_what_identifies_the_account_wins_over_another_reader_of_its_source() -> None:
    found = invert(account(**{WORK: "ada.mail@example.com"}), scim(WORK, "userPrincipalName"))
    assert found.attributes["userPrincipalName"] == "ada@example.com"
    assert [(lost.row.target, lost.live, lost.mapped) for lost in found.lost] == [
        (WORK, "ada.mail@example.com", "ada@example.com")
    ]
    assert not found.lost[0].kept


def test_what_identifies_the_account_wins_wherever_its_row_is() -> None:
    rows = scim("title", "employeeId"), IDENTITY[1], scim("nickName", "employeeId", match=1)
    found = Inverter(rows).invert(account(title="Engineer", nickName="0012"))
    assert found.attributes["employeeId"] == "0012"
    assert [lost.row.target for lost in found.lost] == ["title"]


def test_a_user_name_in_a_case_that_the_mapping_folds_is_lost() -> None:
    rows = scim("externalId", "objectId", match=1), scim("userName", template="{{ mail | lower }}", match=2)
    found = Inverter(rows).invert(account(userName="Ada@Example.com"))
    assert [(lost.live, lost.mapped) for lost in found.lost] == [("Ada@Example.com", None)]


def test_a_matching_rule_is_solved_when_later_rows_have_shown_the_rest() -> None:
    name = scim("userName", expression='Join("@", [mailNickname], [domain])', match=2)
    found = Inverter((IDENTITY[0], name, scim("nickName", "mailNickname"))).invert(account(nickName="ada"))
    assert (found.attributes["domain"], found.lost) == ("example.com", ())


def test_a_name_that_flows_on_create_only_is_not_compared() -> None:
    rows = scim("externalId", "objectId", match=1), scim("userName", constant="x@example.com", apply="create")
    found = Inverter(rows).invert(account())
    assert (found.attributes["userPrincipalName"], found.lost) == ("ada@example.com", ())


def test_a_value_is_left_at_the_target_if_another_row_would_set_it_elsewhere() -> None:
    rows = scim("title", "jobTitle"), scim("nickName", "jobTitle")
    found = invert(account(nickName="Engineer"), *rows)
    assert [(lost.row.target, lost.live, lost.kept) for lost in found.lost] == [("nickName", "Engineer", True)]
    # What flows on create only is not compared, so it decides nothing.
    others = scim("displayName", "jobTitle", apply="create"), scim("nickName", "jobTitle", apply="if_empty")
    assert attributes(account(nickName="Engineer"), *others) == {"jobTitle": "Engineer"}


def test_a_required_value_wins_over_one_that_the_account_lacks() -> None:
    rows = scim("title", "alias"), scim("userName", template="{{ alias }}@example.com")
    found = Inverter((IDENTITY[0], *rows)).invert(account())
    assert found.attributes["alias"] == "ada"
    assert [(lost.row.target, lost.mapped) for lost in found.lost] == [("title", "ada")]


def test_a_row_without_a_live_value_does_not_hold_up_others() -> None:
    rows = scim("title", template="{{ givenName }} {{ jobTitle | default('x') }}"), scim("nickName", "jobTitle")
    found = invert(account(**{"name.givenName": "Ada", "nickName": "n"}), scim("name.givenName", "givenName"), *rows)
    assert found.attributes["jobTitle"] == "n"
    assert [lost.row.target for lost in found.lost] == ["title"]


def test_a_value_that_the_account_lacks_would_be_set() -> None:
    found = invert(account(), scim(WORK, "userPrincipalName"))
    assert [(lost.live, lost.mapped, lost.kept) for lost in found.lost] == [(None, "ada@example.com", False)]


def test_a_later_reader_restores_the_case_that_an_earlier_one_folds() -> None:
    rows = (
        scim("externalId", "objectId", match=1),
        scim("userName", expression="ToLower([userPrincipalName], )", match=2),
        scim("displayName", "userPrincipalName"),
    )
    found = Inverter(rows).invert(account(displayName="Ada@Example.com"))
    assert (found.attributes["userPrincipalName"], found.lost) == ("Ada@Example.com", ())


def test_what_flows_on_create_only_or_into_empty_attributes_is_not_lost() -> None:
    rows = scim("title", constant="Engineer", apply="create"), scim("nickName", constant="x", apply="if_empty")
    assert invert(account(nickName="ada"), *rows).lost == ()
    assert [lost.row.target for lost in invert(account(), *rows).lost] == ["nickName"]


def test_a_value_that_the_mapping_clears_is_not_kept() -> None:
    row = scim("title", expression='Join(" ", [department], [division])', when_null="clear")
    assert [lost.kept for lost in invert(account(title="A B"), row).lost] == [False]


def test_an_account_without_a_mapped_name_is_called_by_its_user_name() -> None:
    rows = scim("externalId", "objectId", match=1), scim("userName", "mail", match=2)
    found = Inverter(rows).invert(account())
    assert dict(found.attributes) == {
        "objectId": "id-ada",
        "userPrincipalName": "ada@example.com",
        "mail": "ada@example.com",
        "accountEnabled": True,
    }


def read(resource: dict[str, Any], *rows: AttributeMapping) -> LiveUser:
    reader = LiveReader(GENERIC_SCIM, (*IDENTITY, *rows), lambda _resource: True)
    return reader.read({"id": "1", "userName": "ada@example.com", "externalId": "id-ada", **resource})


def test_the_only_element_without_a_type_is_the_mapped_one() -> None:
    row = scim(WORK, "mail")
    assert attributes(read({"emails": [{"value": "a@example.com"}]}, row), row) == {"mail": "a@example.com"}
    assert attributes(read({"emails": [{"value": "a@example.com", "type": "home"}]}, row), row) == {}
    two = [{"value": "a@example.com"}, {"value": "b@example.com"}]
    assert attributes(read({"emails": two}, row), row) == {}


TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12)
RULES: list[dict[str, str]] = [
    {"template": "{{ department | trim | lower }}"},
    {"expression": 'Append([department], "x")'},
    {"expression": 'Replace([department], "a", , , "b", , )'},
    {"expression": 'Switch([department], [department], "a", "b")'},
    {"expression": "PCase([department])"},
    {"expression": "NormalizeDiacritics([department])"},
]


@given(TEXT, st.sampled_from(RULES))
def test_what_a_rule_gave_is_given_again_or_lost(text: str, rule: dict[str, str]) -> None:
    row = scim("title", **rule)
    try:
        value = row.rule({"department": text})
    except ValueError:
        return
    value = str(value or "").strip()
    if not value:
        return
    found = invert(account(title=value), row)
    again = row.rule(found.attributes) if not found.lost else None
    assert found.lost or str(again).strip() == value


def test_the_default_mappings_lose_nothing() -> None:
    rows = mappings()
    values: dict[str, Value] = {row.target: f"{row.target} of Ada" for row in rows if row.target != "active"}
    assert Inverter(rows).invert(account(**values)).lost == ()
