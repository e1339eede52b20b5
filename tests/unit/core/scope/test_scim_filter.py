from typing import Any

import pytest
from support.builders import ENTERPRISE

from reconciler.core.scope import scim_filter
from reconciler.core.scope.scim_filter import DEFAULT_OWNERSHIP, Predicate, list_attributes, print_filter
from reconciler.desired.scim_filter_parser import parse_filter


def compile_filter(text: str) -> Predicate:
    return scim_filter.compile_filter(parse_filter(text))


ADA: dict[str, Any] = {
    "id": "Live-1",
    "externalId": "E-1",
    "userName": "Ada@example.com",
    "active": True,
    "flag": "True",
    "title": "",
    "roles": [],
    "name": {"givenName": "Ada", "familyName": 'O"Neil'},
    "meta": {"created": "2026-01-15T08:00:00Z"},
    "logins": 7,
    "nothing": None,
    "emails": [{"type": "work", "value": "ada@example.com", "primary": "True"}],
    ENTERPRISE: {"department": "Engineering"},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('userName eq "ADA@EXAMPLE.COM"', True),
        ('userName eq "bob@example.com"', False),
        ('userName ne "bob@example.com"', True),
        ('userName ne "ada@example.com"', False),
        ('userName co "EXAMPLE"', True),
        ('userName co "example.org"', False),
        ('userName sw "ada"', True),
        ('userName sw "example"', False),
        ('userName ew ".COM"', True),
        ('userName ew ".org"', False),
        ("userName pr", True),
        ("title pr", False),
        ("roles pr", False),
        ("nothing pr", False),
        ("missing pr", False),
        ("active pr", True),
        ("logins gt 6", True),
        ("logins gt 7", False),
        ("logins ge 7", True),
        ("logins lt 7", False),
        ("logins lt 7.5", True),
        ("logins le 7", True),
        ("logins le -1", False),
        ('meta.created gt "2026-01-01T00:00:00Z"', True),
        ('meta.created lt "2026-01-01T00:00:00Z"', False),
        ('logins gt "6"', False),
        ("userName gt 6", False),
        ("missing gt 6", False),
        ("active ge 1", False),
        ("active eq true", True),
        ("active eq False", False),
        # Services write booleans as text too, and so does Entra in filters.
        ('active eq "True"', True),
        ('active ne "true"', False),
        ("flag eq true", True),
        ("flag ne true", False),
        ("flag eq false", False),
        ("active eq 1", False),
        ("logins eq 7", True),
        ("missing eq null", True),
        ("userName eq null", False),
        ("logins co 7", False),
        ('missing sw "a"', False),
        # RFC 7643: identifiers are case-exact, the rest is not.
        ('externalId eq "E-1"', True),
        ('externalId eq "e-1"', False),
        ('id eq "live-1"', False),
        ('USERNAME EQ "ada@example.com"', True),
        ('name.givenName eq "ada"', True),
        (r'name.familyName eq "o\"neil"', True),
        (r'name.familyName eq "\u004f\"neil"', True),
        ('enterprise:department eq "engineering"', True),
        (f'{ENTERPRISE}:department eq "Engineering"', True),
        ('emails[type eq "work"].value ew "@example.com"', True),
        ('emails[type eq "home"].value pr', False),
        ('emails[type eq "work" and primary eq true].value pr', True),
        ('emails[type eq "work" and primary eq "True"].value pr', True),
        ("emails[primary eq false].value pr", False),
        ('emails[type eq "work" and primary eq true]', True),
    ],
)
def test_operators(text: str, holds: bool) -> None:
    assert compile_filter(text)(ADA) is holds


TRUE, FALSE = "userName pr", "missing pr"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (f"{TRUE} and {TRUE}", True),
        (f"{TRUE} and {FALSE}", False),
        (f"{FALSE} or {TRUE}", True),
        (f"{FALSE} or {FALSE}", False),
        # `and` binds stronger than `or`.
        (f"{TRUE} or {TRUE} and {FALSE}", True),
        (f"{FALSE} and {TRUE} or {TRUE}", True),
        (f"({TRUE} or {TRUE}) and {FALSE}", False),
        # `not` binds strongest.
        (f"not ({TRUE})", False),
        (f"not ({FALSE}) and {TRUE}", True),
        (f"not ({TRUE}) or {TRUE}", True),
        (f"not ({FALSE} or {TRUE})", False),
        (f"not (not ({TRUE}))", True),
        (f"(({TRUE}))", True),
        (f"NOT ({FALSE}) AND {TRUE} OR {FALSE}", True),
        (f"  {TRUE}  ", True),
    ],
)
def test_precedence(text: str, holds: bool) -> None:
    assert compile_filter(text)(ADA) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("emails[value pr]", True),
        ('emails[type eq "WORK" and value ew "@example.com"]', True),
        ('emails[type eq "home" and value pr]', False),
        ('emails[type eq "work"] and title pr', False),
        ('emails[not (type eq "home")]', True),
        ('emails[type eq "home" or type eq "work"]', True),
        # One element passes all of it: the type of one and the value of another do not count.
        ('logs[type eq "a" and value eq "2"]', False),
        ('logs[type eq "b" and value eq "2"]', True),
        ("missing[value pr]", False),
        # Without a complex element there is none that passes.
        ("missing[not (value pr)]", False),
        ("words[not (value pr)]", False),
        # RFC 7644: a complex attribute with one value is filtered as if it were the only element.
        ('name[givenName eq "ada"]', True),
        ("roles[value pr]", False),
        ("userName[value pr]", False),
        ('words[value eq "x"]', False),
        # `id` is case-exact in a User, not in its elements.
        ('logs[id eq "x1"]', True),
        (f"{ENTERPRISE}:logs[value pr]", True),
    ],
)
def test_brackets_hold_for_one_element(text: str, holds: bool) -> None:
    logs = [{"type": "a", "value": "1", "id": "X1"}, {"type": "b", "value": "2"}]
    user = {**ADA, "logs": logs, "words": ["x"], ENTERPRISE: {"logs": [{"value": "x"}]}}
    assert compile_filter(text)(user) is holds


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("userName pr", ("userName",)),
        ('userType eq "a" or not (name.givenName sw "b" and Title pr)', ("userType", "name", "Title")),
        ('emails[type eq "work"] and emails[type eq "work"].value pr', ("emails", "emails")),
        ("enterprise:department pr and active eq true", ("active",)),
    ],
)
def test_the_attributes_of_a_filter_are_listed(text: str, names: tuple[str, ...]) -> None:
    assert list_attributes(parse_filter(text)) == names


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('USERNAME  EQ"Ada"', 'USERNAME eq "Ada"'),
        ("a pr or (b pr and c pr)", "a pr or b pr and c pr"),
        ("(a pr or b pr) and c pr", "(a pr or b pr) and c pr"),
        ("(a pr and b pr) and c pr", "(a pr and b pr) and c pr"),
        ("a pr or (b pr or c pr)", "a pr or (b pr or c pr)"),
        ("not(not(a pr))", "not (not (a pr))"),
        ("enterprise:department eq NULL", f"{ENTERPRISE}:department eq null"),
        ("active eq True and logins gt -1.50", "active eq true and logins gt -1.5"),
        ('emails[ type EQ "work" ].value pr', 'emails[type eq "work"].value pr'),
        ('emails[type eq "work" and value pr]', 'emails[type eq "work" and value pr]'),
        (r'title eq "a\"\\\u00e9"', r'title eq "a\"\\é"'),
    ],
)
def test_a_filter_is_printed_with_the_parentheses_it_needs(text: str, printed: str) -> None:
    assert print_filter(parse_filter(text)) == printed


def test_the_default_ownership_is_parsed_from_its_text() -> None:
    assert parse_filter(print_filter(DEFAULT_OWNERSHIP)) == DEFAULT_OWNERSHIP
    assert print_filter(DEFAULT_OWNERSHIP) == "externalId pr"


@pytest.mark.parametrize(
    "resource", [{}, {"userName": {"a": 1}}, {"userName": ["x"]}, {"userName": 5}, {"userName": True}]
)
def test_a_filter_never_fails_on_what_a_service_sends(resource: dict[str, Any]) -> None:
    for operator in ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"):
        found = compile_filter(f'userName {operator} "a"')(resource)
        # A list is read as several values, each of which may fit.
        assert found is (operator in ("ne", "gt", "ge") if resource == {"userName": ["x"]} else operator == "ne")
