from datetime import date
from typing import Any

import pytest
from builders import TODAY, source_user

from reconciler.core.model import IN_SCOPE, ScopeReason, Verdict
from reconciler.core.scope import GroupMembers, ScopeRules, cycles, folded, resolve, verdict

EVERYBODY = ScopeRules(assigned=None)
NOBODY = ScopeRules(assigned=frozenset())
ADA = ScopeRules(assigned=frozenset({"ada@example.com"}))
BEFORE, AFTER = date(2026, 2, 28), date(2026, 3, 2)

DISABLED = Verdict(ScopeReason.DISABLED, "accountEnabled is false")
EXPIRED = Verdict(ScopeReason.EXPIRED, "expired 2026-03-01")
NOT_STARTED = Verdict(ScopeReason.NOT_STARTED, "starts 2026-03-02")
NOT_ASSIGNED = Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
EXCLUDED = Verdict(ScopeReason.EXCLUDED, "excluded in scope.yaml")


@pytest.mark.parametrize(
    ("user", "rules", "expected"),
    [
        ({}, EVERYBODY, IN_SCOPE),
        ({}, ADA, IN_SCOPE),
        ({"userPrincipalName": " ADA@Example.com "}, ADA, IN_SCOPE),
        ({}, ScopeRules(frozenset({"id-ada"})), IN_SCOPE),
        ({"objectId": None}, ScopeRules(frozenset({"id-ada"})), NOT_ASSIGNED),
        ({"objectId": " ID-Ada"}, ScopeRules(frozenset({"id-ada"})), IN_SCOPE),
        ({}, NOBODY, NOT_ASSIGNED),
        ({"accountEnabled": True}, EVERYBODY, IN_SCOPE),
        ({"accountEnabled": False}, EVERYBODY, DISABLED),
        ({}, ScopeRules(None, frozenset({"ada@example.com"})), EXCLUDED),
        ({}, ScopeRules(None, frozenset({"id-ada"})), EXCLUDED),
        ({}, ScopeRules(frozenset({"ada@example.com"}), frozenset({"id-ada"})), EXCLUDED),
        ({}, ScopeRules(None, frozenset({"bob@example.com"})), IN_SCOPE),
        # inclusive start, exclusive end
        ({"starts": TODAY}, EVERYBODY, IN_SCOPE),
        ({"starts": AFTER}, EVERYBODY, NOT_STARTED),
        ({"expires": TODAY}, EVERYBODY, EXPIRED),
        ({"expires": AFTER}, EVERYBODY, IN_SCOPE),
        ({"starts": BEFORE, "expires": AFTER}, EVERYBODY, IN_SCOPE),
        # the first reason in the order of the steps counts
        ({"accountEnabled": False, "expires": TODAY}, NOBODY, DISABLED),
        ({"expires": TODAY, "starts": AFTER}, NOBODY, EXPIRED),
        ({"starts": AFTER}, NOBODY, NOT_STARTED),
        ({}, ScopeRules(frozenset(), frozenset({"id-ada"})), NOT_ASSIGNED),
    ],
)
def test_the_first_reason_counts(user: dict[str, Any], rules: ScopeRules, expected: Verdict) -> None:
    found = verdict(source_user(**user), rules, TODAY)
    assert found == expected
    assert found.in_scope is (expected is IN_SCOPE)


def test_nested_groups_are_resolved_and_names_folded() -> None:
    groups = {
        "engineering": GroupMembers(("Ada@Example.com", "bob@example.com"), ("Platform", "missing")),
        "platform": GroupMembers(("id-carol",), ("engineering",)),
        "sales": GroupMembers(("dan@example.com",)),
    }
    members = GroupMembers((" EVE@example.com",), ("ENGINEERING",))
    assert resolve(members, groups) == {"eve@example.com", "ada@example.com", "bob@example.com", "id-carol"}


def test_nobody_is_in_no_group() -> None:
    assert resolve(GroupMembers(), {"a": GroupMembers(("ada@example.com",))}) == frozenset()


def nested(depth: int) -> dict[str, GroupMembers]:
    groups = {f"g{number}": GroupMembers((f"u{number}",), (f"g{number + 1}",)) for number in range(depth - 1)}
    return {**groups, f"g{depth - 1}": GroupMembers((f"u{depth - 1}",))}


def test_five_thousand_nested_groups_are_resolved() -> None:
    groups = nested(5_000)
    assert resolve(GroupMembers(groups=("g0",)), groups) == {f"u{number}" for number in range(5_000)}
    assert list(cycles(groups)) == []


def test_a_circle_of_five_thousand_groups_is_found() -> None:
    groups = {**nested(5_000), "g4999": GroupMembers((), ("g0",))}
    (found,) = cycles(groups)
    assert found == (*(f"g{number}" for number in range(5_000)), "g0")


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, []),
        ({"a": ["b"], "b": []}, []),
        ({"a": ["missing"]}, []),
        ({"a": ["a"]}, [("a", "a")]),
        ({"a": ["B"], "b": ["A"]}, [("a", "b", "a")]),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, [("a", "b", "c", "a")]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
        ({"a": ["a", "b"], "b": ["b"]}, [("a", "a"), ("b", "b")]),
    ],
)
def test_each_cycle_is_found_once(groups: dict[str, list[str]], expected: list[tuple[str, ...]]) -> None:
    members = {name: GroupMembers((), tuple(inner)) for name, inner in groups.items()}
    assert list(cycles(members)) == expected


def test_a_group_named_twice_in_another_is_one_cycle() -> None:
    groups = {"a": GroupMembers((), ("b",)), "b": GroupMembers((), ("a", "A"))}
    assert len(set(cycles(groups))) == 1


def test_names_are_compared_without_case_and_space_around_them() -> None:
    assert folded("  Ada@EXAMPLE.com\t") == "ada@example.com"
