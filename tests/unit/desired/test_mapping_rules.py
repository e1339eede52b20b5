import re

import pytest
from support.builders import DEPARTMENT
from support.desired_state import (
    ADA,
    BOB,
    USUAL,
    Load,
    broken,
    good,
    messages,
    with_row,
)

from reconciler.core.model import Flow
from reconciler.desired.loader import BrokenState, DesiredState


@pytest.mark.parametrize(
    "rule",
    [
        "source: accountEnabled",
        "expression: '[accountEnabled]'",
        "expression: 'Not([IsSoftDeleted])'",
        """expression: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'""",
    ],
)
def test_a_truth_is_a_word_where_the_target_takes_text(loaded: Load, rule: str) -> None:
    rows = (
        "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
        "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
    )
    state = good(loaded(mappings=f'{rows}- {{target: "enterprise:department", {rule}}}\n'))
    assert messages(state) == []
    assert state.users[0].attributes[DEPARTMENT] == "True"


def test_a_template_that_fails_for_a_user_is_an_error_of_the_user(loaded: Load) -> None:
    rows = (
        "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
        "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
        '- {target: "enterprise:department", template: "{% if department is defined %}'
        '{{ department | truncate(1) }}{% endif %}"}\n'
    )
    state = good(loaded(mappings=rows, users__a=ADA.replace("R&D", "Research and more") + BOB))
    assert [(user.key, user.failed) for user in state.users] == [("ada@example.com", True), ("bob@example.com", False)]
    assert state.diagnostics[0].summary.startswith('enterprise:department cannot be mapped: "expected length')


@pytest.mark.parametrize(
    ("style", "place", "detail"),
    [
        (">-", "mappings.yaml:9:5", "At character 31 of the expression."),
        ("|", "mappings.yaml:9:5", "At character 31 of the expression."),
        (
            "",
            "mappings.yaml:7:5",
            "At character 31 of the expression, where ^ is: Append(Trim([city]), ToUpper( ^Tirm([x])))",
        ),
    ],
)
def test_an_error_in_an_expression_of_several_lines_is_reported_at_its_line(
    loaded: Load, style: str, place: str, detail: str
) -> None:
    row = f"- target: locale\n  expression: {style}\n    Append(Trim([city]),\n    ToUpper(\n    Tirm([x])))\n"
    found = broken(loaded(mappings=f"{USUAL}{row}"))
    assert (
        found[0] == f"{place}: the expression cannot be used: there is no function Tirm. Did you mean Trim?. {detail}"
    )


def read_value(state: DesiredState | BrokenState, who: int = 0, target: str = "nickName") -> str:
    found = good(state).users[who]
    assert target not in found.attributes
    return str(found.create_only[target])


def test_a_value_made_once_flows_on_create_only_and_is_the_same_in_every_plan(loaded: Load) -> None:
    row = "{target: nickName, expression: Guid()}"
    first = read_value(with_row(loaded, row, users__a=ADA + BOB))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)
    changed = ADA.replace("ada@example.com", "countess@example.com").replace("id-ada", "ID-Ada").replace("R&D", "X")
    assert read_value(with_row(loaded, row, users__a=changed)) == first, "the same person, renamed"
    assert read_value(with_row(loaded, "{target: nickName, expression: ' Guid( ) '}")) == first
    state = good(with_row(loaded, row))
    assert [item.flow for item in state.mappings if item.target == "nickName"] == [Flow.CREATE]
    assert messages(state) == []


def test_a_value_made_once_depends_on_user_attribute_and_mapping(loaded: Load) -> None:
    both = with_row(loaded, "{target: nickName, expression: Guid()}", users__a=ADA + BOB)
    seen = {
        read_value(both),
        read_value(both, 1),
        read_value(with_row(loaded, "{target: title, expression: Guid()}"), target="title"),
        read_value(with_row(loaded, "{target: nickName, expression: 'Trim(Guid())'}")),
        read_value(with_row(loaded, "{target: nickName, expression: Guid()}", users__a=ADA.replace("id-ada", "other"))),
    }
    assert len(seen) == 5


def test_without_an_object_id_the_user_principal_name_says_who_it_is(loaded: Load) -> None:
    row, ada = "{target: nickName, expression: Guid()}", ADA.replace("objectId: id-ada, ", "")
    first = read_value(with_row(loaded, row, users__a=ada))
    assert read_value(with_row(loaded, row, users__a=ada.replace("ada@example", "ADA@Example"))) == first
    assert read_value(with_row(loaded, row, users__a=ada.replace("ada@", "ida@"))) != first


def test_a_random_string_keeps_its_conditions(loaded: Load) -> None:
    rule = """{target: nickName, expression: 'RandomString(10, 2, 2, 2, 1, "?,")'}"""
    found = read_value(with_row(loaded, rule))
    assert (len(found), sum(map(str.isdigit, found)) >= 2, sum(map(str.isupper, found)) >= 2) == (10, True, True)
    assert found == read_value(with_row(loaded, rule))


@pytest.mark.parametrize(
    "expression", ["IgnoreFlowIfNullOrEmpty([jobTitle])", "IIF(IsPresent([jobTitle]), [jobTitle], IgnoreAttributeFlow)"]
)
def test_an_ignored_attribute_is_no_value_so_a_default_counts_on_create(loaded: Load, expression: str) -> None:
    row = f"{{target: title, expression: '{expression}', default: none}}"
    people = ADA + BOB.replace("}", ", jobTitle: Engineer}")
    ada, bob = good(with_row(loaded, row, users__a=people)).users
    assert ("title" in ada.attributes, ada.create_only["title"]) == (False, "none")
    assert (bob.attributes["title"], "title" in bob.create_only) == ("Engineer", False)
    ada, bob = good(with_row(loaded, row.replace(", default: none", ""), users__a=people)).users
    assert "title" not in {*ada.attributes, *ada.create_only}


def test_candidates_come_in_the_order_of_the_rules_each_once(loaded: Load) -> None:
    rule = (
        'SelectUniqueValue([nick], ToLower([givenName]), "ada", Join(".", [givenName], [surname]),'
        " RandomString(4, 4, 0, 0, 0), RandomString(4, 4, 0, 0, 0))"
    )
    state = good(with_row(loaded, f"{{target: nickName, expression: '{rule}'}}"))
    ((target, candidates),) = state.users[0].candidates
    assert (target, candidates[:2]) == ("nickName", ("ada", "Ada.Lovelace"))
    assert len(set(candidates[2:])) == 2, "two rules draw two values"
    assert (
        state.users[0].candidates
        == good(with_row(loaded, f"{{target: nickName, expression: '{rule}'}}")).users[0].candidates
    )
    assert [(item.flow, item.unique) for item in state.mappings if item.target == "nickName"] == [(Flow.CREATE, True)]


def test_a_candidate_that_cannot_be_computed_is_an_error_of_the_user(loaded: Load) -> None:
    state = good(with_row(loaded, "{target: nickName, expression: 'SelectUniqueValue([surname], Error(\"no\"))'}"))
    assert [(user.failed, user.candidates) for user in state.users] == [(True, ())]
    assert state.diagnostics[0].summary == 'nickName cannot be mapped: "no"'


@pytest.mark.parametrize(
    ("rule", "uses"),
    [
        ("expression: 'Now()'", True),
        ("""expression: 'Coalesce([city], Left(Now(), 10))'""", True),
        ("""expression: 'Append(Guid(), Now())'""", True),
        ("expression: 'Trim([city])'", False),
        ("constant: Now()", False),
    ],
)
def test_a_rule_that_reads_the_clock_is_marked(loaded: Load, rule: str, *, uses: bool) -> None:
    state = good(with_row(loaded, f"{{target: nickName, {rule}}}"))
    assert [row.target for row in state.mappings if row.uses_now] == (["nickName"] if uses else [])
