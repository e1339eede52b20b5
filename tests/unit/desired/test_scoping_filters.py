"""Scoping filters from YAML: every error at its position, all at once, with a fix."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.builders import NOW

from reconciler.core.model import ScopeReason, Severity
from reconciler.core.scope.operators import Operator
from reconciler.desired.loader import BrokenState, DesiredState, load

SETTINGS = """\
target:
  profile: apple-business-manager
  base_url: https://federation.apple.com/feeds/business/scim/
  domains: [example.com]
"""
PEOPLE = """\
- userPrincipalName: ada@example.com
  objectId: id-ada
  givenName: Ada
  surname: Lovelace
  department: Engineering
  proxyAddresses: [ada@example.com, ada@example.org]
- {userPrincipalName: bob@example.com, objectId: id-bob, givenName: Bob, surname: Hope, accountEnabled: true}
"""
GROUPS = "- {name: Engineering, members: {groups: [inner]}}\n- {name: inner, members: {users: [id-ada]}}\n"
Load = Callable[..., DesiredState | BrokenState]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a desired state whose scope.yaml has these filters, from its line 3 on."""

    def read(filters: str, *, people: str = PEOPLE, before: str = "sync: all\n") -> DesiredState | BrokenState:
        files = {"settings": SETTINGS, "users/a": people, "groups/a": GROUPS, "scope": f"{before}filters:\n{filters}"}
        for name, text in files.items():
            path = tmp_path / f"{name}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return load(tmp_path, NOW)

    return read


def messages(state: DesiredState | BrokenState) -> list[str]:
    return [f"{item.origin}: {item.summary}. {item.detail}" for item in state.diagnostics]


def verdicts(state: DesiredState | BrokenState) -> dict[str, str]:
    assert isinstance(state, DesiredState), messages(state)
    return {user.key.split("@")[0]: user.verdict.reason.value for user in state.users}


def one(*clauses: str, name: str = "f") -> str:
    return f"- name: {name}\n  clauses:\n" + "".join(f"  - {{{clause}}}\n" for clause in clauses)


# --- what is good ------------------------------------------------------------------------------------


def test_filters_decide_who_is_in_scope(loaded: Load) -> None:
    state = loaded(one("attribute: department, operator: equals, value: Engineering"))
    assert verdicts(state) == {"ada": "in scope", "bob": "filtered"}
    assert messages(state) == []
    assert isinstance(state, DesiredState)
    assert state.users[1].verdict.text == 'passes no scoping filter: "f" requires department EQUALS "Engineering"'
    assert state.in_scope == 1


def test_every_key_is_read(loaded: Load) -> None:
    filters = """\
- name: one
  not: true
  clauses:
  - {attribute: department, operator: Includes, value: ENGIN, ignore_case: true, values_match: ~}
- name: two
  not: ~
  clauses:
  - {operator: IS_NOT_MEMBER_OF, value: ENGINEERING, ignore_case: ~}
  - {attribute: lifecycle.expires, operator: is null, value: ~}
  - {attribute: proxyAddresses, operator: ends with, value: "@example.org", values_match: any}
- name: three
  clauses:
  - {attribute: proxyAddresses, operator: ends with, value: "@example.org", values_match: any}
  - {operator: Is_Member Of, value: engineering}
"""
    people = PEOPLE.replace("objectId: id-bob", "objectId: id-bob, department: Engineering")
    assert verdicts(loaded(filters, people=people)) == {"ada": "in scope", "bob": "filtered"}


@pytest.mark.parametrize("empty", ["  []\n", "  ~\n", "\n"])
def test_no_filters_let_every_user_pass(loaded: Load, empty: str) -> None:
    assert verdicts(loaded(empty, before="sync: all\n")) == {"ada": "in scope", "bob": "in scope"}


def test_relative_dates_are_those_of_the_plan(loaded: Load) -> None:
    people = PEOPLE.replace("department: Engineering", "hired: 2026-03-15")
    for value, expected in (("today+14", "in scope"), ("today+13", "filtered"), ("2026-03-15", "in scope")):
        clause = f"attribute: hired, operator: DATE ON OR BEFORE, value: {value}"
        assert verdicts(loaded(one(clause), people=people))["ada"] == expected


def test_the_example_of_the_documents_is_read(loaded: Load) -> None:
    text = (Path(__file__).parents[3] / "docs" / "desired-state.md").read_text("utf-8")
    example = text.partition("excluded: {users: [], groups: []}")[2].partition("filters:")[2].partition("```")[0]
    people = PEOPLE.replace("department: Engineering", "employeeHireDate: 2026-03-15")
    state = loaded(example.partition("\n")[2].replace("lab}", "inner}"), people=people)
    assert verdicts(state) == {"ada": "in scope", "bob": "in scope"}
    operators = re.findall(r"^\| `([^`]+)` \|", text.partition("### Scoping filters")[2], re.MULTILINE)
    assert operators[: len(Operator)] == [operator.value for operator in Operator]


# --- users who cannot be judged ------------------------------------------------------------------------


def test_a_user_with_several_values_is_an_error_of_this_user_only_and_left_unchanged(loaded: Load) -> None:
    state = loaded(one("attribute: proxyAddresses, operator: ENDS_WITH, value: x"))
    assert isinstance(state, DesiredState)
    assert [(user.verdict.reason, user.failed) for user in state.users] == [
        (ScopeReason.UNJUDGED, True),
        (ScopeReason.FILTERED, False),
    ]
    assert state.users[0].match == ("id-ada", "ada@example.com"), "her account stays hers"
    assert messages(state) == [
        (
            "users/a.yaml:6:19: the scoping filters cannot be evaluated for this user: proxyAddresses has 2 values,"
            " and the clause"
            " at scope.yaml:5:5 does not say values_match: any or all. The user is left unchanged until the clause"
            " or the value is fixed."
        )
    ]
    assert state.diagnostics[0].address == 'user["ada@example.com"]'


def test_a_value_that_a_pattern_cannot_judge_is_reported_in_quotes(loaded: Load) -> None:
    people = PEOPLE.replace("department: Engineering", "department: Müller")
    state = loaded(one(r"attribute: department, operator: REGEX MATCH, value: '\bM.*'"), people=people)
    assert messages(state)[0].startswith(
        "users/a.yaml:5:15: the scoping filters cannot be evaluated for this user: department cannot be matched:"
        ' \\b in "\\\\bM.*" cannot be used on "Müller": it is not ASCII (clause at scope.yaml:5:5).'
    )


def test_a_date_that_cannot_be_read_is_reported_at_its_value(loaded: Load) -> None:
    people = PEOPLE.replace("department: Engineering", "leaves: 31.12.2027")
    state = loaded(one("attribute: leaves, operator: DATE AFTER, value: today"), people=people)
    assert isinstance(state, DesiredState)
    assert (state.users[0].verdict.reason, state.users[0].failed) == (ScopeReason.UNJUDGED, True)
    said = (
        'users/a.yaml:5:11: the scoping filters cannot be evaluated for this user: leaves holds "31.12.2027", which is'
        " not a date such as 2027-12-31 (clause at scope.yaml:5:5). The user is left unchanged until the clause or the"
        " value is fixed."
    )
    assert messages(state) == [said]


# --- errors --------------------------------------------------------------------------------------------

A = "attribute: department"
KNOWN = "There are lifecycle.starts, lifecycle.expires, lifecycle.protected."
MISTAKES = {
    f"{A}, operator: EQUAL, value: x": '39: there is no operator "EQUAL". Did you mean EQUALS?',
    f"{A}, operator: zzz, value: x": '39: there is no operator "zzz". There are &, !&, ENDS_WITH, EQUALS, NOT EQUALS,',
    f"{A}, operator: EQUALS": "5: EQUALS needs a value. Add `value:` with text.",
    f"{A}, operator: EQUALS, value: ''": "54: EQUALS needs a value. Add `value:` with text.",
    f"{A}, operator: Greater_Than": "5: Greater_Than needs a value. Add `value:` with a whole number.",
    "operator: IS MEMBER OF": "5: IS MEMBER OF needs a value. Add `value:` with a group.",
    f"{A}, operator: IS NULL, value: x": "55: IS NULL takes no value. Remove it.",
    f"{A}, operator: is_true, value: x": "55: IS TRUE takes no value. Remove it.",
    "operator: EQUALS, value: x": "5: the clause has no attribute. Add `attribute:` with the name of a source attribut",
    "operator: IS NULL, attribute: ~": "36: the clause has no attribute. Add `attribute:` with the name of",
    f"{A}, operator: IS MEMBER OF, value: inner": (
        "17: IS MEMBER OF takes no attribute. It is about the user: remove the attribute."
    ),
    f"{A}, operator: Greater_Than, value: 1.5": (
        '60: "1.5" is not a whole number. Entra compares whole numbers only: write digits, such as 10.'
    ),
    f"{A}, operator: Greater_Than, value: {'9' * 20}": '60: "99999999999999999999" is not a whole number.',
    f"{A}, operator: DATE AFTER, value: 1.5.2026": (
        '58: "1.5.2026" is not a date. Write 2026-12-31, today, today+N or today-N (N days).'
    ),
    f"{A}, operator: DATE AFTER, value: 2026-02-30": '58: "2026-02-30" is not a date.',
    f"{A}, operator: DATE AFTER, value: '2026-02-03T00:00:00Z'": '58: "2026-02-03T00:00:00Z" is not a date.',
    f"{A}, operator: DATE AFTER, value: today+1000000": '58: "today+1000000" is not a date.',
    f"{A}, operator: DATE AFTER, value: tomorrow": '58: "tomorrow" is not a date.',
    "operator: IS MEMBER OF, value: inne": '37: there is no group "inne". Did you mean inner?',
    "operator: IS NOT MEMBER OF, value: zz": '41: there is no group "zz". Add it to groups/, or correct the name.',
    f"{A}, operator: REGEX MATCH, value: 'a('": (
        '59: the pattern cannot be used: "a(" is not a regular expression: "missing ): a(". Patterns use the .NET'
    ),
    f"{A}, operator: REGEX MATCH, value: '(?!a)b'": (
        '59: the pattern cannot be used: the regular expression "(?!a)b" uses look-ahead, which is not supported.'
    ),
    f"{A}, operator: IS NULL, ignore_case: true": "61: ignore_case has no effect on IS NULL. Remove it.",
    f"{A}, operator: Greater_Than, value: 1, ignore_case: true": "76: ignore_case has no effect on Greater_Than.",
    "operator: IS MEMBER OF, value: inner, ignore_case: true": "57: ignore_case has no effect on IS MEMBER OF.",
    f"{A}, operator: IS NULL, values_match: any": "62: values_match has no effect on IS NULL. Remove it.",
    "operator: IS MEMBER OF, value: inner, values_match: any": "58: values_match has no effect on IS MEMBER OF.",
    "attribute: lifecycle.starts, operator: DATE AFTER, value: today, values_match: any": (
        "85: values_match has no effect on lifecycle.starts. Remove it."
    ),
    "attribute: lifecycle.expire, operator: IS NULL": (
        f'17: there is no "lifecycle.expire". Did you mean lifecycle.expires? {KNOWN}'
    ),
    "attribute: Lifecycle.Expires, operator: IS NULL": (
        f'17: there is no "Lifecycle.Expires". Did you mean lifecycle.expires? {KNOWN}'
    ),
    "attribute: lifecycle, operator: IS NULL": '17: there is no "lifecycle".',
    "attribute: lifecycle.expires, operator: EQUALS, value: 2026-01-01": (
        "46: EQUALS cannot be used on lifecycle.expires. It accepts IS NULL, IS NOT NULL, DATE BEFORE,"
        " DATE ON OR BEFORE,"
    ),
    "attribute: lifecycle.protected, operator: IS NULL": (
        "48: IS NULL cannot be used on lifecycle.protected. It accepts IS FALSE, IS TRUE."
    ),
    "attribute: IsSoftDeleted, operator: IS TRUE": (
        "17: IsSoftDeleted follows from scope: it cannot be a condition of it. Use accountEnabled, or"
    ),
    f"{A}, operator: IS NULL, valu: x": (
        '48: unknown key "valu". Did you mean value? Known keys: attribute, ignore_case, operator, value, values_match.'
    ),
    f"{A}, value: x": '5: "operator" is missing. Add it.',
    f"{A}, operator: EQUALS, value: [x]": "54: filters.0.clauses.0.value: expected text. Write a single value.",
    f"{A}, operator: EQUALS, value: x, values_match: most": (
        "71: filters.0.clauses.0.values_match: expected one of any, all. Choose one of them."
    ),
    f"{A}, operator: EQUALS, value: x, ignore_case: yes": "70: filters.0.clauses.0.ignore_case: expected true or",
}


@pytest.mark.parametrize(("clause", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_clause_that_cannot_be_used_breaks_the_directory(loaded: Load, clause: str, message: str) -> None:
    state = loaded(one(clause))
    assert isinstance(state, BrokenState)
    (found,) = messages(state)
    assert found.startswith(f"scope.yaml:5:{message}")


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            "- {name: f, clauses: []}\n",
            (
                'scope.yaml:3:22: filter "f" has no clauses. Every user would pass it: add a clause, or remove the'
                " filter."
            ),
        ),
        ("- name: f\n  clauses:\n", 'scope.yaml:4:11: filter "f" has no clauses.'),
        ("- {clauses: [{attribute: department, operator: IS NULL}]}\n", 'scope.yaml:3:3: "name" is missing. Add it.'),
        ("- {name: f}\n", 'scope.yaml:3:3: "clauses" is missing. Add it.'),
        (
            "- {nam: f, clauses: []}\n",
            'scope.yaml:3:4: unknown key "nam". Did you mean name? Known keys: clauses, name, not.',
        ),
        (
            f"{one(f'{A}, operator: IS NULL', name='One')}{one(f'{A}, operator: IS NOT NULL', name='one')}",
            'scope.yaml:6:9: filter "one" is defined twice. The other is at scope.yaml:3:9: plans name filters',
        ),
    ],
)
def test_a_filter_that_cannot_be_used_breaks_the_directory(loaded: Load, filters: str, message: str) -> None:
    state = loaded(filters)
    assert isinstance(state, BrokenState)
    assert [line for line in messages(state) if line.startswith(message)], messages(state)


def test_all_errors_are_reported_at_once(loaded: Load) -> None:
    state = loaded(
        one(
            "operator: IS NULL, value: x, ignore_case: true",
            f"{A}, operator: EQALS, value: x",
            f"{A}, operator: Greater_Than, value: x, ignore_case: true",
        )
        + one(f"{A}, operator: DATE AFTER, value: x", "operator: IS MEMBER OF, value: nobody", name="F")
    )
    assert isinstance(state, BrokenState)
    assert sorted(line.split(". ")[0] for line in messages(state)) == [
        'scope.yaml:10:58: "x" is not a date',
        'scope.yaml:11:37: there is no group "nobody"',
        "scope.yaml:5:32: IS NULL takes no value",
        "scope.yaml:5:48: ignore_case has no effect on IS NULL",
        "scope.yaml:5:5: the clause has no attribute",
        'scope.yaml:6:39: there is no operator "EQALS"',
        'scope.yaml:7:60: "x" is not a whole number',
        "scope.yaml:7:76: ignore_case has no effect on Greater_Than",
        'scope.yaml:8:9: filter "F" is defined twice',
    ]


# --- warnings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("attribute: departmnt, operator: EQUALS, value: x", '"departmnt". Did you mean department?'),
        ("attribute: zzz, operator: EQUALS, value: x", '"zzz". The clause is false for every user.'),
        ("attribute: zzz, operator: IS NULL", '"zzz". The clause is true for every user.'),
    ],
)
def test_an_attribute_that_no_user_has_is_a_warning(loaded: Load, clause: str, message: str) -> None:
    state = loaded(one(clause))
    assert isinstance(state, DesiredState)
    assert messages(state) == [f"scope.yaml:5:17: no user has an attribute {message}"]
    assert state.diagnostics[0].severity is Severity.WARNING


@pytest.mark.parametrize(("operator", "found"), [("'&'", "is found"), ("'!&'", "is not found")])
def test_ambiguous_operators_are_a_warning(loaded: Load, operator: str, found: str) -> None:
    state = loaded(one(f"{A}, operator: {operator}, value: x"))
    assert isinstance(state, DesiredState)
    plain = operator.strip("'")
    assert messages(state) == [
        (
            f"scope.yaml:5:39: Microsoft's documentation does not define {plain}. Here it is true when the"
            f" attribute's value {found} in the clause's. Prefer Includes or REGEX MATCH."
        )
    ]


def test_fields_of_lifecycle_and_groups_are_no_attributes_to_miss(loaded: Load) -> None:
    filters = one("attribute: lifecycle.expires, operator: IS NULL", "operator: IS MEMBER OF, value: inner")
    assert messages(loaded(filters)) == []


def test_a_user_is_enabled_by_default_to_filters_as_well(loaded: Load) -> None:
    # Ada's entry says nothing of accountEnabled; in Entra it is never null.
    assert verdicts(loaded(one("attribute: accountEnabled, operator: IS TRUE"))) == dict.fromkeys(
        ("ada", "bob"), "in scope"
    )
