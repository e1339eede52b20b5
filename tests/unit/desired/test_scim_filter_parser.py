import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import paths
from reconciler.core.scope.scim_filter import (
    OPERATORS,
    AndFilter,
    ComparisonFilter,
    ElementFilter,
    Filter,
    NotFilter,
    OrFilter,
    PresenceFilter,
    print_filter,
)
from reconciler.desired.scim_filter_parser import MAX_DEPTH, MAX_LENGTH, FilterError, parse_filter

A, B, C = (PresenceFilter(paths.parse(name)) for name in ("a", "b", "c"))
OPERATOR = "; operators are eq, ne, co, sw, ew, gt, ge, lt, le, pr"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a pr", A),
        ("a pr and b pr and c pr", AndFilter((A, B, C))),
        ("a pr and (b pr and c pr)", AndFilter((A, AndFilter((B, C))))),
        ("a pr or b pr and c pr", OrFilter((A, AndFilter((B, C))))),
        ("(a pr or b pr) and c pr", AndFilter((OrFilter((A, B)), C))),
        ("NOT(a pr)AND(b pr)OR(c pr)", OrFilter((AndFilter((NotFilter(A), B)), C))),
        ("\ta\n pr ", A),
        # Keywords are keywords only where the grammar has them.
        ("and pr and or pr", AndFilter((PresenceFilter(paths.parse("and")), PresenceFilter(paths.parse("or"))))),
        ("nothing pr", PresenceFilter(paths.parse("nothing"))),
        ("eq eq true", ComparisonFilter(paths.parse("eq"), "eq", value=True)),
        ('a EQ"x"', ComparisonFilter(paths.parse("a"), "eq", "x")),
        ('emails[type eq "work"].value pr', PresenceFilter(paths.parse('emails[type eq "work"].value'))),
        ("emails[a pr or b pr]", ElementFilter(paths.parse("emails"), OrFilter((A, B)))),
    ],
)
def test_trees(text: str, tree: Filter) -> None:
    assert parse_filter(text) == tree


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("Null", None),
        ("0", 0),
        ("-12", -12),
        ("007", 7),
        ("9007199254740993", 9007199254740993),
        ("1.5", 1.5),
        ("-1e3", -1000.0),
        ("2.5E-1", 0.25),
        ('""', ""),
        (r'"a\"b\\c\/d\n\u00e9"', 'a"b\\c/d\né'),
        ('"line\nbreak\tand tab"', "line\nbreak\tand tab"),
        ('"and (not) [x]"', "and (not) [x]"),
    ],
)
def test_literals_are_those_of_json(literal: str, value: Any) -> None:
    tree = parse_filter(f"a eq {literal}")
    assert tree == ComparisonFilter(paths.parse("a"), "eq", value)
    assert isinstance(tree, ComparisonFilter)
    assert type(tree.value) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "expected an attribute such as userName, found the end", 0),
        ("   ", "expected an attribute such as userName, found the end", 3),
        ("userName", f"expected an operator, found the end{OPERATOR}", 8),
        ("userName is 1", f"expected an operator, found 'is'{OPERATOR}", 9),
        ("userName = 1", f"expected an operator, found '='{OPERATOR}", 9),
        ("userName eq", "expected a value, found the end", 11),
        ("userName eq ada", "expected a value, found 'ada': write \"ada\" in double quotes", 12),
        ("userName eq 'ada'", 'expected a value, found "\'"', 12),
        ("userName eq   @", "expected a value, found '@'", 14),
        ('userName eq "x', "the string that starts here has no closing quote", 12),
        ("userName pr userName pr", "expected 'and', 'or' or the end, found 'userName'", 12),
        ("userName pr, title pr", "expected 'and', 'or' or the end, found ','", 11),
        ("not userName pr", "expected '(' after 'not', found 'userName'", 4),
        ("(userName pr", "expected 'and', 'or' or ')', found the end", 12),
        ("(userName pr]", "expected 'and', 'or' or ')', found ']'", 12),
        ("userName pr)", "expected 'and', 'or' or the end, found ')'", 11),
        ("emails[value pr", "expected 'and', 'or' or ']', found the end", 15),
        ("()", "expected an attribute such as userName, found ')'", 1),
        ("userName pr and", "expected an attribute such as userName, found the end", 15),
        ('userName eq"x" or  ', "expected an attribute such as userName, found the end", 19),
        ("  #", "expected an attribute such as userName, found '#'", 2),
        (
            "title pr and 1x pr",
            "'1x' is not an attribute path such as userName, name.givenName or enterprise:department",
            13,
        ),
        ("a pr or name.b[c pr]", "'name.b' is a sub-attribute: brackets follow an attribute such as emails", 8),
        ("a pr or b[c[d pr]]", "brackets cannot contain brackets", 8),
        ('b[c[d eq "x"].e pr and f pr]', "brackets cannot contain brackets", 0),
        *(
            (
                f"emails[{inner}].value pr",
                '.value can only follow comparisons with eq, such as emails[type eq "work"].value',
                len(inner) + 8,
            )
            for inner in (
                'type eq "work" or primary eq true',
                'type eq "work" and primary ne true',
                'type eq "work" and value pr',
                'type eq "work" and (value pr or display pr)',
                "order eq 1",
            )
        ),
        ('a pr or emails[type eq "a" and type eq "b"].value pr', "the filter compares type twice: keep one", 8),
        ('emails[primary eq "x"].value pr', "primary is true or false, not 'x'", 0),
        (r'userName eq "a\b\q"', r"invalid JSON escape: write \\ for a backslash", 16),
        (r'userName eq "CORP\user"', r"invalid JSON escape: write \\ for a backslash", 17),
        ("logins gt 1e999", "the number is too large", 10),
        ("logins gt 7x", "expected a value, found '7x': write \"7x\" in double quotes", 10),
    ],
)
def test_errors_have_a_position(text: str, message: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert (str(caught.value), caught.value.position) == (message, position)


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("not (", ")")])
def test_a_filter_nests_twenty_levels_and_no_more(opening: str, closing: str) -> None:
    parse_filter(opening * MAX_DEPTH + "a pr" + closing * MAX_DEPTH)
    for levels in (MAX_DEPTH + 1, 300):
        with pytest.raises(FilterError, match="nested more than 20 levels deep") as caught:
            parse_filter(opening * levels + "a pr" + closing * levels)
        assert caught.value.position == len(opening) * (levels - MAX_DEPTH - 1)


def test_brackets_count_as_a_level() -> None:
    parse_filter("(" * (MAX_DEPTH - 1) + "b[a pr]" + ")" * (MAX_DEPTH - 1))
    with pytest.raises(FilterError, match="nested more than 20 levels deep"):
        parse_filter("(" * MAX_DEPTH + "b[a pr] and c pr" + ")" * MAX_DEPTH)


def test_a_filter_has_at_most_two_thousand_characters() -> None:
    longest = 'userName eq "' + "x" * (MAX_LENGTH - 14) + '"'
    parse_filter(longest)
    with pytest.raises(FilterError, match=r"^the filter is longer than 2,000 characters$") as caught:
        parse_filter(f"{longest} ")
    assert caught.value.position == MAX_LENGTH


HOSTILE = [
    "(",
    "not (",
    "a[",
    '"',
    'a eq "\\',
    "a pr and ",
    "a pr or(",
    "a",
    " ",
    "a eq 1",
    "\\",
    "\u2028",
    "é",
    "((a pr)",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_malicious_filter_is_rejected_immediately(piece: str) -> None:
    text = (piece * MAX_LENGTH)[:MAX_LENGTH]
    started = time.process_time()
    with pytest.raises(FilterError):
        parse_filter(text)
    assert time.process_time() - started < 1


NAMES = st.from_regex(r"[A-Za-z$][A-Za-z0-9_$-]{0,5}", fullmatch=True)
TEXTS = st.text(max_size=8)
PLAIN = st.builds(paths.Path, st.sampled_from([None, "urn:x:2.0:User", paths.ENTERPRISE]), NAMES, st.none(), NAMES)
WHOLE = st.builds(paths.Path, st.sampled_from([None, "urn:x:2.0:User"]), NAMES)
CONDITIONS = st.lists(
    st.tuples(NAMES, TEXTS | st.booleans()), min_size=1, max_size=3, unique_by=lambda each: each[0].lower()
)
CHOSEN = st.builds(paths.Path, st.none(), NAMES, CONDITIONS.map(paths.order_conditions), NAMES)
VALUES = TEXTS | st.booleans() | st.none() | st.integers(-(10**20), 10**20) | st.floats(-1e300, 1e300)


def leaves(found: st.SearchStrategy[paths.Path]) -> st.SearchStrategy[Filter]:
    compared = st.builds(ComparisonFilter, found, st.sampled_from(sorted(OPERATORS)), VALUES)
    return st.builds(PresenceFilter, found) | compared


def joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(NotFilter, inner) | st.builds(AndFilter, parts) | st.builds(OrFilter, parts)


ELEMENTS = st.builds(ElementFilter, WHOLE, st.recursive(leaves(PLAIN | WHOLE), joined, max_leaves=3))
FILTERS = st.recursive(leaves(PLAIN | WHOLE | CHOSEN) | ELEMENTS, joined, max_leaves=8)


@given(FILTERS)
def test_a_printed_filter_is_parsed_to_the_same_tree(tree: Filter) -> None:
    text = print_filter(tree)
    if len(text) <= MAX_LENGTH:
        assert parse_filter(text) == tree


@given(st.text(alphabet='ab.[]() "\\eqprandot17:-', max_size=40) | st.text(max_size=20))
def test_any_text_is_parsed_or_refused_at_a_position_in_it(text: str) -> None:
    position, tree = 0, None
    try:
        tree = parse_filter(text)
    except FilterError as exc:
        position = exc.position
    assert 0 <= position <= len(text)
    assert tree is None or parse_filter(print_filter(tree)) == tree
