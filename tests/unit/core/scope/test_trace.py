from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import TODAY, filters_of, source_user
from support.random_scopes import DAYS, FILTERS, GROUPS, USERS

from reconciler.core.model import SourceUser
from reconciler.core.scope.groups import GroupMembers, resolve_members
from reconciler.core.scope.trace import ClauseResult, TraceStep, trace_scope
from reconciler.core.scope.verdict import Roster, ScopeRules, decide_scope

STEPS = ["accountEnabled", "lifecycle.expires", "lifecycle.starts", "assigned", "excluded", "filters"]
ENGINEER = {"attribute": "department", "operator": "EQUALS", "value": "Engineering"}
TITLED = {"attribute": "jobTitle", "operator": "IS NOT NULL"}
MAIL = {"attribute": "proxyAddresses", "operator": "ENDS_WITH", "value": "@example.com"}
IN_ALL = {"operator": "IS MEMBER OF", "value": "ALL"}
MANY = ("a@example.com", "b@example.com")


def rules_of(
    *written: dict[str, Any], assigned: GroupMembers | None = None, excluded: GroupMembers | None = None
) -> ScopeRules:
    """Rules resolved from what they are written as."""
    roster = Roster(assigned or GroupMembers(), excluded or GroupMembers(), GROUPS)
    return ScopeRules(
        None if assigned is None else resolve_members(assigned, GROUPS),
        resolve_members(roster.excluded, GROUPS),
        filters_of(*written, groups=GROUPS),
        roster,
    )


def answers(user: SourceUser, rules: ScopeRules) -> dict[str, str]:
    return {step.name: step.answer.value for step in trace_scope(user, rules, TODAY).steps}


def lines(steps: tuple[TraceStep, ...], depth: int = 0) -> list[str]:
    """What `explain` could print."""
    found = []
    for step in steps:
        seen = "" if step.value is None else f" {step.value!r}"
        found.append(f"{'  ' * depth}{step.name}: {step.answer.value}{seen} {step.text}".rstrip())
        found += lines(step.steps, depth + 1)
    return found


def test_a_user_in_scope_passes_every_step() -> None:
    rules = rules_of(
        {"name": "Titled", "clauses": [TITLED]},
        {"name": "Engineers", "clauses": [ENGINEER, IN_ALL]},
        {"name": "Rest", "not": "true", "clauses": [ENGINEER]},
        assigned=GroupMembers(groups=("All",)),
        excluded=GroupMembers(("eve@example.com",)),
    )
    user = source_user(accountEnabled=True, starts=TODAY, expires=date(2026, 4, 1))
    found = trace_scope(user, rules, TODAY)
    assert found.verdict.in_scope
    assert lines(found.steps) == [
        "accountEnabled: true True not disabled",
        'lifecycle.expires: true datetime.date(2026, 4, 1) expires "2026-04-01"',
        'lifecycle.starts: true datetime.date(2026, 3, 1) started "2026-03-01"',
        "assigned: true ('All', 'Inner', ' ADA@example.com') assigned in scope.yaml",
        "excluded: true not excluded",
        'filters: true passes "Engineers"',
        "  Titled: false",
        "    jobTitle IS NOT NULL: false",
        "  Engineers: true",
        "    department EQUALS \"Engineering\": true 'Engineering'",
        "    IS MEMBER OF \"ALL\": true ('ALL', 'Inner', ' ADA@example.com')",
        "  Rest: not reached",
    ]


def test_all_clauses_of_a_filter_that_fails_are_shown_and_the_first_false_one_is_named() -> None:
    found = trace_scope(source_user(department="IT"), rules_of({"name": "Both", "clauses": [ENGINEER, TITLED]}), TODAY)
    assert lines(found.steps)[-4:] == [
        'filters: false passes no scoping filter: "Both" requires department EQUALS "Engineering"',
        "  Both: false",
        "    department EQUALS \"Engineering\": false 'IT'",
        "    jobTitle IS NOT NULL: false",
    ]


def test_a_negated_filter_is_marked() -> None:
    rules = rules_of({"name": "Rest", "not": "true", "clauses": [ENGINEER]})
    assert lines(trace_scope(source_user(), rules, TODAY).steps)[-2:] == [
        "  Rest: false negated by not",
        "    department EQUALS \"Engineering\": true 'Engineering'",
    ]


def test_a_clause_that_cannot_be_judged_is_shown_with_what_it_saw() -> None:
    found = trace_scope(source_user(proxyAddresses=MANY), rules_of({"clauses": [MAIL, ENGINEER]}), TODAY)
    why = "proxyAddresses has 2 values, and the clause does not say values_match: any or all"
    assert lines(found.steps)[-4:] == [
        f"filters: cannot be judged {why}",
        "  filter 0: cannot be judged",
        f'    proxyAddresses ENDS_WITH "@example.com": cannot be judged {MANY!r} {why}',
        "    department EQUALS \"Engineering\": true 'Engineering'",
    ]


@pytest.mark.parametrize("clauses", [[MAIL, TITLED], [TITLED, MAIL]])
def test_a_false_clause_outweighs_one_that_cannot_be_judged(clauses: list[dict[str, Any]]) -> None:
    user = source_user(proxyAddresses=MANY)
    for negated, answer in (("false", ClauseResult.FALSE), ("true", ClauseResult.TRUE)):
        rules = rules_of({"not": negated, "clauses": clauses})
        found = trace_scope(user, rules, TODAY)
        assert found.steps[-1].steps[0].answer is found.steps[-1].answer is answer
        assert found.verdict == decide_scope(user, rules, TODAY)


@pytest.mark.parametrize(
    ("user", "rules", "stopped"),
    [
        ({"accountEnabled": False}, rules_of(), "accountEnabled"),
        ({"expires": TODAY}, rules_of(), "lifecycle.expires"),
        ({"starts": date(2026, 3, 2)}, rules_of(), "lifecycle.starts"),
        ({}, rules_of(assigned=GroupMembers(groups=("empty",))), "assigned"),
        ({}, rules_of(excluded=GroupMembers(groups=("all",))), "excluded"),
        ({}, rules_of({"clauses": [TITLED]}), "filters"),
    ],
)
def test_what_comes_after_the_first_step_against_is_not_reached(
    user: dict[str, Any], rules: ScopeRules, stopped: str
) -> None:
    at = STEPS.index(stopped)
    expected = ["true"] * at + ["false"] + ["not reached"] * (len(STEPS) - at - 1)
    assert answers(source_user(**user), rules) == dict(zip(STEPS, expected, strict=True))


def test_the_way_into_an_exclusion_is_shown() -> None:
    rules = rules_of(excluded=GroupMembers(groups=("all",)))
    step = trace_scope(source_user("bob"), rules, TODAY).steps[4]
    assert (step.answer, step.value) == (ClauseResult.FALSE, ("all", "Inner", "id-bob"))


MEMBERS = st.builds(
    GroupMembers,
    st.lists(st.sampled_from(["ada@example.com", "ID-bob", "eve@example.com"]), max_size=2).map(tuple),
    st.lists(st.sampled_from(["all", "INNER", "empty"]), max_size=2).map(tuple),
)


@given(USERS, FILTERS, st.none() | MEMBERS, MEMBERS, DAYS)
def test_the_trace_comes_to_the_verdict(
    user: SourceUser,
    written: list[dict[str, Any]],
    assigned: GroupMembers | None,
    excluded: GroupMembers,
    day: date | None,
) -> None:
    rules = rules_of(*written, assigned=assigned, excluded=excluded)
    found = trace_scope(user, rules, day or TODAY)
    assert found.verdict == decide_scope(user, rules, day or TODAY)
    assert [step.name for step in found.steps] == STEPS
    assert found.verdict.in_scope is all(step.answer is ClauseResult.TRUE for step in found.steps)
