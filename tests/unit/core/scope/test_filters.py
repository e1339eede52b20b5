from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import TODAY, filter_of, filters_of, source_user
from support.random_scopes import CLAUSES, FILTERS, GROUPS, NAMES, USERS

from reconciler.core.model import IN_SCOPE, ScopeReason, SourceUser, Verdict
from reconciler.core.scope.filters import FilterEvaluationError, ScopingFilter, evaluate_filters, to_texts
from reconciler.core.text import quote, shorten

ENGINEER = {"attribute": "department", "operator": "EQUALS", "value": "Engineering"}
TITLED = {"attribute": "jobTitle", "operator": "IS NOT NULL"}
MAIL = {"attribute": "proxyAddresses", "operator": "ENDS_WITH", "value": "@example.com"}


def passes(user: SourceUser, *clauses: dict[str, Any], **keys: Any) -> bool:
    return filter_of(*clauses, **keys).passes(user)


# --- each operator: a match, no match, no value -----------------------------------------------------

OPERATORS: list[tuple[str, str | None, Any, Any]] = [
    # operator, value, what matches, what does not
    ("&", "red, green, blue", "green", "yellow"),
    ("&", "Sales", "Sales", "sales"),
    ("!&", "red, green, blue", "yellow", "green"),
    ("ENDS_WITH", "@example.com", "ada@example.com", "ada@example.org"),
    ("ENDS_WITH", "@example.com", "ada@example.com", "ada@EXAMPLE.com"),
    ("EQUALS", "Sales", "Sales", "sales"),
    ("EQUALS", "Sales", "Sales", "Sales "),
    ("EQUALS", "0012", "0012", "12"),
    ("EQUALS", "True", True, False),
    ("NOT EQUALS", "Sales", "sales", "Sales"),
    ("Greater_Than", "9", "10", "9"),
    ("Greater_Than", "-5", "-4", "-5"),
    ("Greater_Than_OR_EQUALS", "9", "9", "8"),
    ("Greater_Than_OR_EQUALS", "0", "0", "-1"),
    ("Includes", "gin", "Engineering", "ENGINEERING"),
    ("IS FALSE", None, "False", "True"),
    ("IS FALSE", None, "fALSE", " TRUE "),
    ("IS FALSE", None, False, True),
    ("IS TRUE", None, "True", "False"),
    ("IS TRUE", None, True, False),
    ("IS NOT NULL", None, "x", ()),
    ("IS NOT NULL", None, False, ""),
    ("REGEX MATCH", "([1-9][0-9])", "10", "100"),
    ("REGEX MATCH", "([1-9][0-9])", "99", "a99"),
    ("REGEX MATCH", r".*\@contoso.com", "ada@contoso.com", "ada@Contoso.com"),
    ("REGEX MATCH", "a|ab", "ab", "abc"),
    ("REGEX MATCH", "(?<year>2[0-9]{3})", "2026", "1926"),
    ("REGEX MATCH", r"\w+", "Łukasz", "Ł ukasz"),
    ("NOT REGEX MATCH", "([1-9][0-9])", "100", "10"),
    ("DATE BEFORE", "2026-03-01", "2026-02-28", "2026-03-01"),
    ("DATE BEFORE", "2026-03-01", "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
    ("DATE ON OR BEFORE", "today", "2026-03-01", "2026-03-02"),
    ("DATE ON OR BEFORE", "today+14", "2026-03-15", "2026-03-16"),
    ("DATE ON OR BEFORE", "TODAY + 14", "2026-03-15T23:59:59Z", "2026-03-16T00:00:00Z"),
    ("DATE AFTER", "today-1", "2026-03-01", "2026-02-28"),
    ("DATE AFTER", "today", "2026-03-02", "2026-03-01"),
    ("DATE ON OR AFTER", "2026-03-01", "2026-03-01", "2026-02-28"),
    ("DATE ON OR AFTER", "today", "2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00+01:00"),
]


@pytest.mark.parametrize(
    ("operator", "value", "match", "other"), OPERATORS, ids=[f"{row[0]}:{row[1]}:{row[3]}" for row in OPERATORS]
)
def test_an_operator_is_true_on_a_match_false_on_another_value_and_false_on_none(
    operator: str, value: str | None, match: Any, other: Any
) -> None:
    clause = {"attribute": "x", "operator": operator, "value": value}
    assert passes(source_user(x=match), clause) is True
    assert passes(source_user(x=other), clause) is False
    for unassigned in (None, "", ()):
        assert passes(source_user(x=unassigned), clause) is False
    assert passes(source_user(x=(match,) if isinstance(match, str) else match), clause) is True, "a list of one"


UNREADABLE = [
    ("Greater_Than", "9", "9.5", "not a whole number"),
    ("Greater_Than", "9", "ten", "not a whole number"),
    ("Greater_Than", "9", "1e3", "not a whole number"),
    ("Greater_Than", "9", "1,000", "not a whole number"),
    ("Greater_Than_OR_EQUALS", "0", " ", "not a whole number"),
    ("Greater_Than_OR_EQUALS", "0", "9" * 20, "not a whole number"),
    ("Greater_Than_OR_EQUALS", "0", True, "not a whole number"),
    ("IS FALSE", None, "no", "neither True nor False"),
    ("IS TRUE", None, "1", "neither True nor False"),
    ("IS TRUE", None, "Truе", "neither True nor False"),
    ("DATE BEFORE", "2026-03-01", "soon", "not a date such as 2027-12-31"),
    ("DATE AFTER", "today", "31.12.2027", "not a date such as 2027-12-31"),
    ("DATE AFTER", "today", "12/31/2027", "not a date such as 2027-12-31"),
    ("DATE ON OR AFTER", "today", "2027-12-31T25:00:00Z", "not a date such as 2027-12-31"),
    ("DATE ON OR BEFORE", "today", "0001-01-01T00:00:00Z", "not a date such as 2027-12-31"),
    ("DATE ON OR BEFORE", "today", "0", "not a date such as 2027-12-31"),
    ("DATE ON OR BEFORE", "today", False, "not a date such as 2027-12-31"),
]


@pytest.mark.parametrize(
    ("operator", "value", "held", "why"), UNREADABLE, ids=[f"{row[0]}:{row[2]}" for row in UNREADABLE]
)
def test_a_value_that_an_operator_cannot_judge_is_neither_true_nor_false(
    operator: str, value: str | None, held: str | bool, why: str
) -> None:
    clause = {"attribute": "x", "operator": operator, "value": value}
    user = source_user(x=held)
    for negated in ("false", "true"):
        verdict = evaluate_filters(user, filters_of({"clauses": [clause], "not": negated}))
        said = f"x holds {quote(shorten(str(held), 40))}, which is {why}"
        assert verdict == Verdict(ScopeReason.UNJUDGED, said, "x")


@pytest.mark.parametrize(
    ("operator", "value", "readable"),
    [
        ("Greater_Than", "9", ("10", "9")),
        ("IS TRUE", None, ("True", "False")),
        ("DATE AFTER", "today", ("2027-01-01", "2026-01-01")),
    ],
)
def test_of_several_values_one_that_cannot_be_judged_counts_only_where_it_decides(
    operator: str, value: str | None, readable: tuple[str, str]
) -> None:
    true, false = readable
    clause = {"attribute": "x", "operator": operator, "value": value}
    for values in (("?", true), (true, "?")):
        assert passes(source_user(x=values), {**clause, "values_match": "any"})
        with pytest.raises(FilterEvaluationError, match="x holds"):
            passes(source_user(x=values), {**clause, "values_match": "all"})
    for values in (("?", false), (false, "?")):
        assert not passes(source_user(x=values), {**clause, "values_match": "all"})
        with pytest.raises(FilterEvaluationError, match="x holds"):
            passes(source_user(x=values), {**clause, "values_match": "any"})


@pytest.mark.parametrize(
    ("attribute", "value", "later"),
    [
        ("accountExpires", "0", True),
        ("accountexpires", " 0 ", True),
        ("accountExpires", "9223372036854775807", True),
        ("extensionAttribute1", "9223372036854775807", True),
        ("accountExpires", "134431488000000000", True),
        ("accountExpires", "133800000000000000", False),
    ],
)
def test_an_account_that_never_expires_expires_later_than_every_day(attribute: str, value: str, later: bool) -> None:
    for operator, expected in (("DATE AFTER", later), ("DATE ON OR BEFORE", not later)):
        clause = {"attribute": attribute, "operator": operator, "value": "today"}
        assert passes(source_user(**{attribute: value}), clause) is expected


@pytest.mark.parametrize("unassigned", [None, "", (), ("",)])
def test_is_null_alone_is_true_on_an_unassigned_value(unassigned: Any) -> None:
    clause = {"attribute": "x", "operator": "IS NULL"}
    assert passes(source_user(x=unassigned), clause)
    for value in ("x", " ", "null", "False", False, ("x",), ("x", "y")):
        assert not passes(source_user(x=value), clause)


@pytest.mark.parametrize(
    ("operator", "value", "match"),
    [
        ("&", "SALES, IT", "sales"),
        ("ENDS_WITH", "@EXAMPLE.com", "ada@example.COM"),
        ("EQUALS", "sÄles", "SäLES"),
        ("Includes", "ENG", "engineering"),
        ("REGEX MATCH", "[a-c]+é", "ABCÉ"),
    ],
)
def test_ignore_case_is_for_every_operator_on_text(operator: str, value: str, match: str) -> None:
    clause = {"attribute": "x", "operator": operator, "value": value}
    negative = {"&": "!&", "EQUALS": "NOT EQUALS", "REGEX MATCH": "NOT REGEX MATCH"}.get(operator)
    assert not passes(source_user(x=match), clause)
    assert passes(source_user(x=match), {**clause, "ignore_case": "true"})
    if negative:
        assert passes(source_user(x=match), {**clause, "operator": negative})
        assert not passes(source_user(x=match), {**clause, "operator": negative, "ignore_case": "true"})


def test_ignore_case_keeps_two_users_apart() -> None:
    clause = {"attribute": "x", "operator": "EQUALS", "value": "straße@example.com", "ignore_case": "true"}
    assert passes(source_user(x="STRAßE@example.com"), clause)
    assert not passes(source_user(x="strasse@example.com"), clause)


# --- groups ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "group", "member"),
    [
        ("ada", "all", True),
        ("bob", "ALL", True),
        ("carol", "inner", False),
        ("carol", "all", True),
        ("eve", "all", False),
        ("ada", "empty", False),
    ],
)
def test_members_of_groups_include_those_of_nested_ones(who: str, group: str, member: bool) -> None:
    for operator, expected in (("IS MEMBER OF", member), ("IS NOT MEMBER OF", not member)):
        assert passes(source_user(who), {"operator": operator, "value": group}, groups=GROUPS) is expected


# --- lifecycle -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["starts", "expires"])
def test_lifecycle_dates_are_compared_by_day(name: str) -> None:
    clause = {"attribute": f"lifecycle.{name}", "operator": "DATE ON OR BEFORE", "value": "today+14"}
    last = TODAY + timedelta(days=14)
    days: dict[str, Any]
    for days, expected in (({name: last}, True), ({name: last + timedelta(days=1)}, False), ({}, False)):
        assert passes(source_user(**days), clause) is expected
    for operator, expected in (("IS NULL", False), ("IS NOT NULL", True)):
        unary = {"attribute": f"lifecycle.{name}", "operator": operator}
        days = {name: last}
        assert passes(source_user(**days), unary) is expected
        assert passes(source_user(), unary) is not expected


def test_the_two_lifecycle_dates_are_independent() -> None:
    clause = {"attribute": "lifecycle.starts", "operator": "IS NULL"}
    assert passes(source_user(expires=TODAY), clause)


@pytest.mark.parametrize("protected", [True, False])
def test_protected_is_true_or_false(protected: bool) -> None:
    user = source_user(protected=protected)
    assert passes(user, {"attribute": "lifecycle.protected", "operator": "IS TRUE"}) is protected
    assert passes(user, {"attribute": "lifecycle.protected", "operator": "IS FALSE"}) is not protected


@pytest.mark.parametrize(
    ("today", "expected"), [(date(2026, 2, 28), False), (date(2026, 3, 1), True), (date(2026, 3, 2), False)]
)
def test_today_is_the_day_of_the_plan(today: date, expected: bool) -> None:
    clauses = (
        {"attribute": "hired", "operator": "DATE ON OR BEFORE", "value": "today"},
        {"attribute": "hired", "operator": "DATE AFTER", "value": "today-1"},
    )
    assert passes(source_user(hired="2026-03-01"), *clauses, today=today) is expected


# --- several values --------------------------------------------------------------------------------

BOTH = ("ada@example.com", "ada@example.org")


@pytest.mark.parametrize(
    ("operator", "several", "expected"),
    [
        ("ENDS_WITH", "any", True),
        ("ENDS_WITH", "all", False),
        ("NOT EQUALS", "any", True),
        ("NOT EQUALS", "all", True),
        ("Includes", "all", False),
    ],
)
def test_of_several_values_any_or_all_must_pass(operator: str, several: str, expected: bool) -> None:
    clause = {**MAIL, "operator": operator, "values_match": several}
    assert passes(source_user(proxyAddresses=BOTH), clause) is expected


@pytest.mark.parametrize("several", ["any", "all"])
def test_a_negative_operator_is_asked_of_each_value(several: str) -> None:
    clause = {"attribute": "x", "operator": "NOT EQUALS", "value": "a", "values_match": several}
    assert passes(source_user(x=("a", "b")), clause) is (several == "any")
    assert not passes(source_user(x=("a", "a")), clause)
    assert passes(source_user(x=("b", "c")), clause)


@pytest.mark.parametrize("several", ["any", "all"])
@pytest.mark.parametrize("unassigned", [(), ("",), None])
def test_no_value_at_all_is_unassigned_for_any_and_for_all(several: str, unassigned: Any) -> None:
    for operator in ("ENDS_WITH", "NOT EQUALS"):
        clause = {**MAIL, "operator": operator, "values_match": several}
        assert not passes(source_user(proxyAddresses=unassigned), clause)


def test_several_values_without_a_word_on_them_cannot_be_judged() -> None:
    with pytest.raises(FilterEvaluationError) as caught:
        passes(source_user(proxyAddresses=BOTH), MAIL)
    assert str(caught.value) == "proxyAddresses has 2 values, and the clause does not say values_match: any or all"
    assert caught.value.attribute == "proxyAddresses"
    verdict = evaluate_filters(source_user(proxyAddresses=BOTH), filters_of({"clauses": [MAIL]}))
    assert verdict == Verdict(ScopeReason.UNJUDGED, str(caught.value), "proxyAddresses")


def test_a_clause_that_cannot_be_judged_counts_only_where_it_decides() -> None:
    user = source_user(proxyAddresses=BOTH, jobTitle=None)
    doubt, false, true = {"clauses": [MAIL]}, {"clauses": [TITLED]}, {"clauses": [ENGINEER]}
    for clauses in ([MAIL, TITLED], [TITLED, MAIL]):
        assert evaluate_filters(user, filters_of({"clauses": clauses})).reason is ScopeReason.FILTERED
        assert evaluate_filters(user, filters_of({"clauses": clauses, "not": "true"})) is IN_SCOPE
    for clauses in ([MAIL, ENGINEER], [ENGINEER, MAIL]):
        assert evaluate_filters(user, filters_of({"clauses": clauses})).reason is ScopeReason.UNJUDGED
        assert evaluate_filters(user, filters_of({"clauses": clauses, "not": "true"})).reason is ScopeReason.UNJUDGED
    assert evaluate_filters(user, filters_of(doubt, true)) is IN_SCOPE
    assert evaluate_filters(user, filters_of(true, doubt)) is IN_SCOPE
    assert evaluate_filters(user, filters_of(doubt, false)).reason is ScopeReason.UNJUDGED
    assert evaluate_filters(user, filters_of(false, doubt)).reason is ScopeReason.UNJUDGED


# --- AND, OR, not ----------------------------------------------------------------------------------


def test_all_clauses_of_one_filter_must_be_true() -> None:
    both = filters_of({"name": "Titled engineers", "clauses": [ENGINEER, TITLED]})
    assert evaluate_filters(source_user(jobTitle="CTO"), both) is IN_SCOPE
    assert evaluate_filters(source_user(), both) == Verdict(
        ScopeReason.FILTERED, 'passes no scoping filter: "Titled engineers" requires jobTitle IS NOT NULL'
    )
    assert evaluate_filters(source_user(jobTitle="CTO", department='R"D'), both) == Verdict(
        ScopeReason.FILTERED,
        'passes no scoping filter: "Titled engineers" requires department EQUALS "Engineering"',
    )


def test_one_true_filter_is_enough() -> None:
    either = filters_of({"clauses": [ENGINEER]}, {"clauses": [TITLED]})
    assert evaluate_filters(source_user(), either) is IN_SCOPE
    assert evaluate_filters(source_user(department="IT", jobTitle="CTO"), either) is IN_SCOPE
    assert evaluate_filters(source_user(department="IT"), either) == Verdict(
        ScopeReason.FILTERED, "passes none of 2 scoping filters"
    )


def test_without_filters_all_users_pass() -> None:
    assert evaluate_filters(source_user(), ()) is IN_SCOPE


def test_not_turns_the_whole_filter_around() -> None:
    none = filters_of({"name": "Not them", "not": "true", "clauses": [ENGINEER, TITLED]})
    assert evaluate_filters(source_user(), none) is IN_SCOPE
    assert evaluate_filters(source_user(department=None), none) is IN_SCOPE, "NOT EQUALS would be false here"
    assert evaluate_filters(source_user(jobTitle="CTO"), none) == Verdict(
        ScopeReason.FILTERED, 'passes no scoping filter: "Not them" is negated, and all its clauses are true'
    )


# --- regular expressions ---------------------------------------------------------------------------


def test_a_hostile_pattern_on_a_hostile_value_ends() -> None:
    for pattern in (r"(a+)+b", r"(a|aa)*c", r"(.*a){500}b", r"(a?){900}(b?){900}c"):
        clause = {"attribute": "x", "operator": "REGEX MATCH", "value": pattern}
        assert not passes(source_user(x="a" * 30_000), clause)


def test_a_pattern_that_would_take_too_long_on_a_value_leaves_the_user_unjudged() -> None:
    clause = {"attribute": "x", "operator": "NOT REGEX MATCH", "value": r"(a?){900}(b?){900}(.?){900}c"}
    with pytest.raises(FilterEvaluationError, match=r"x cannot be matched: .* takes too long"):
        passes(source_user(x="a" * 60_000), clause)


@pytest.mark.parametrize("value", ["Zoë", "\ud800"])
def test_a_value_that_the_engine_cannot_judge_leaves_the_user_unjudged(value: str) -> None:
    clause = {"attribute": "x", "operator": "NOT REGEX MATCH", "value": r"\bZo"}
    with pytest.raises(FilterEvaluationError) as caught:
        passes(source_user(x=value), clause)
    assert caught.value.attribute == "x"


# --- laws ------------------------------------------------------------------------------------------


def reason(user: SourceUser, written: list[dict[str, Any]]) -> ScopeReason:
    return evaluate_filters(user, filters_of(*written, groups=GROUPS)).reason


@given(USERS, FILTERS, st.randoms())
def test_the_order_of_clauses_and_of_filters_does_not_matter(
    user: SourceUser, written: list[dict[str, Any]], chance: Any
) -> None:
    shuffled = [{**each, "clauses": chance.sample(each["clauses"], len(each["clauses"]))} for each in written]
    assert reason(user, written) is reason(user, chance.sample(shuffled, len(shuffled)))


def negated(one: ScopingFilter) -> ScopingFilter:
    return ScopingFilter(one.name, one.clauses, not one.negated)


def answer(user: SourceUser, one: ScopingFilter) -> bool | None:
    try:
        return one.passes(user)
    except FilterEvaluationError:
        return None


@given(USERS, st.lists(CLAUSES, min_size=1, max_size=3))
def test_not_is_the_opposite_and_twice_not_is_nothing(user: SourceUser, clauses: list[dict[str, Any]]) -> None:
    one = filter_of(*clauses, groups=GROUPS)
    opposite = {True: False, False: True, None: None}
    assert answer(user, negated(one)) is opposite[answer(user, one)]
    assert answer(user, negated(negated(one))) is answer(user, one)


@given(USERS, NAMES)
def test_is_not_null_is_the_opposite_of_is_null(user: SourceUser, name: str) -> None:
    clause = {"attribute": name, "operator": "IS NULL"}
    assert passes(user, clause) is not passes(user, {**clause, "operator": "IS NOT NULL"})
    assert passes(user, clause) is (to_texts(user.attributes.get(name)) == ())


@given(USERS, CLAUSES)
def test_every_operator_but_is_null_and_membership_is_false_on_an_unassigned_value(
    user: SourceUser, clause: dict[str, Any]
) -> None:
    bare = SourceUser({"userPrincipalName": user.key}, user.origin)
    if "MEMBER" not in clause["operator"] and clause["attribute"] != "lifecycle.protected":
        assert passes(bare, clause) is (clause["operator"] == "IS NULL")
