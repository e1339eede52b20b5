from typing import Any

import pytest
from support.builders import ENTERPRISE

from reconciler.core.scope.scim_filter import FilterError, compile_filter

ADA: dict[str, Any] = {
    "id": "Live-1",
    "externalId": "E-1",
    "userName": "Ada@example.com",
    "active": True,
    "title": "",
    "roles": [],
    "name": {"givenName": "Ada", "familyName": 'O"Neil'},
    "meta": {"created": "2026-01-15T08:00:00Z"},
    "logins": 7,
    "nothing": None,
    "emails": [{"type": "work", "value": "ada@example.com"}],
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
        ('enterprise:department eq "engineering"', True),
        (f'{ENTERPRISE}:department eq "Engineering"', True),
        ('emails[type eq "work"].value ew "@example.com"', True),
        ('emails[type eq "home"].value pr', False),
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
    ("text", "message", "position"),
    [
        ("", "'' is not an attribute path", 0),
        ("userName", "'' is no operator; there are eq, ne, co, sw, ew, gt, ge, lt, le, pr", 8),
        ("userName is 1", "'is' is no operator; there are eq, ne, co, sw, ew, gt, ge, lt, le, pr", 9),
        ("userName eq", "'' is no value: write", 11),
        ("userName eq ada", "'ada' is no value: write \"ada\" in double quotes", 12),
        ("userName pr userName pr", "expected and, or or the end, found 'userName'", 12),
        ("not userName pr", "expected (", 4),
        ("(userName pr", "expected )", 12),
        ("userName pr)", "expected and, or or the end, found ')'", 11),
        ("()", "')' is not an attribute path", 1),
        ("userName pr and", "'' is not an attribute path", 15),
        ("1x pr", "'1x' is not an attribute path", 0),
        ('userName eq"x" or  ', "'' is not an attribute path", 19),
        ("#", "cannot read '#'", 0),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, message: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert str(caught.value).startswith(message)
    assert caught.value.position == position


@pytest.mark.parametrize(("text", "position"), [("userName eq   @", 14), ('userName eq "x', 12), ("  #", 2)])
def test_the_place_of_what_cannot_be_read_is_exact(text: str, position: int) -> None:
    with pytest.raises(FilterError, match="cannot read") as caught:
        compile_filter(text)
    assert caught.value.position == position


def test_a_filter_nests_twenty_levels_and_no_more() -> None:
    assert compile_filter("(" * 20 + TRUE + ")" * 20)(ADA) is True
    for opening in ("(", "not ("):
        with pytest.raises(FilterError, match="nested too deeply"):
            compile_filter(opening * 150 + TRUE + ")" * 150)


def test_a_filter_has_at_most_two_thousand_characters() -> None:
    longest = 'userName eq "' + "x" * (2_000 - 14) + '"'
    assert compile_filter(longest)(ADA) is False
    with pytest.raises(FilterError, match=r"longer than 2,000 characters"):
        compile_filter(f"{longest} ")


@pytest.mark.parametrize(
    "resource", [{}, {"userName": {"a": 1}}, {"userName": ["x"]}, {"userName": 5}, {"userName": True}]
)
def test_a_filter_never_fails_on_what_a_service_sends(resource: dict[str, Any]) -> None:
    for operator in ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"):
        found = compile_filter(f'userName {operator} "a"')(resource)
        # A list is read as several values, each of which may fit.
        assert found is (operator in ("ne", "gt", "ge") if resource == {"userName": ["x"]} else operator == "ne")
