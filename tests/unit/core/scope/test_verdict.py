from datetime import date
from typing import Any

import pytest
from support.builders import TODAY, filters_of, source_user

from reconciler.core.model import IN_SCOPE, ScopeReason, Verdict
from reconciler.core.scope.verdict import ScopeRules, decide_scope

ALL_ASSIGNED = ScopeRules(assigned=None)
NONE_ASSIGNED = ScopeRules(assigned=frozenset())
ADA = ScopeRules(assigned=frozenset({"ada@example.com"}))
BEFORE, AFTER = date(2026, 2, 28), date(2026, 3, 2)

DISABLED = Verdict(ScopeReason.DISABLED, "accountEnabled is false")
EXPIRED = Verdict(ScopeReason.EXPIRED, 'expired "2026-03-01"')
NOT_STARTED = Verdict(ScopeReason.NOT_STARTED, 'starts "2026-03-02"')
NOT_ASSIGNED = Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
EXCLUDED = Verdict(ScopeReason.EXCLUDED, "excluded in scope.yaml")


@pytest.mark.parametrize(
    ("user", "rules", "expected"),
    [
        ({}, ALL_ASSIGNED, IN_SCOPE),
        ({}, ADA, IN_SCOPE),
        ({"userPrincipalName": " ADA@Example.com "}, ADA, IN_SCOPE),
        ({}, ScopeRules(frozenset({"id-ada"})), IN_SCOPE),
        ({"objectId": None}, ScopeRules(frozenset({"id-ada"})), NOT_ASSIGNED),
        ({"objectId": " ID-Ada"}, ScopeRules(frozenset({"id-ada"})), IN_SCOPE),
        ({}, NONE_ASSIGNED, NOT_ASSIGNED),
        ({"accountEnabled": True}, ALL_ASSIGNED, IN_SCOPE),
        ({"accountEnabled": False}, ALL_ASSIGNED, DISABLED),
        ({}, ScopeRules(None, frozenset({"ada@example.com"})), EXCLUDED),
        ({}, ScopeRules(None, frozenset({"id-ada"})), EXCLUDED),
        ({}, ScopeRules(frozenset({"ada@example.com"}), frozenset({"id-ada"})), EXCLUDED),
        ({}, ScopeRules(None, frozenset({"bob@example.com"})), IN_SCOPE),
        # inclusive start, exclusive end
        ({"starts": TODAY}, ALL_ASSIGNED, IN_SCOPE),
        ({"starts": AFTER}, ALL_ASSIGNED, NOT_STARTED),
        ({"expires": TODAY}, ALL_ASSIGNED, EXPIRED),
        ({"expires": AFTER}, ALL_ASSIGNED, IN_SCOPE),
        ({"starts": BEFORE, "expires": AFTER}, ALL_ASSIGNED, IN_SCOPE),
        # the first reason in the order of the steps counts
        ({"accountEnabled": False, "expires": TODAY}, NONE_ASSIGNED, DISABLED),
        ({"expires": TODAY, "starts": AFTER}, NONE_ASSIGNED, EXPIRED),
        ({"starts": AFTER}, NONE_ASSIGNED, NOT_STARTED),
        ({}, ScopeRules(frozenset(), frozenset({"id-ada"})), NOT_ASSIGNED),
    ],
)
def test_the_first_reason_counts(user: dict[str, Any], rules: ScopeRules, expected: Verdict) -> None:
    found = decide_scope(source_user(**user), rules, TODAY)
    assert found == expected
    assert found.in_scope is (expected is IN_SCOPE)


def test_filters_come_last() -> None:
    titled = filters_of({"clauses": [{"attribute": "jobTitle", "operator": "IS NOT NULL"}]})
    user = source_user()
    assert decide_scope(user, ScopeRules(None, filters=titled), TODAY).reason is ScopeReason.FILTERED
    assert decide_scope(user, ScopeRules(None, frozenset({"id-ada"}), titled), TODAY) == EXCLUDED
    assert decide_scope(user, ScopeRules(frozenset(), filters=titled), TODAY) == NOT_ASSIGNED
    assert decide_scope(source_user(jobTitle="CTO"), ScopeRules(None, filters=titled), TODAY) is IN_SCOPE
    assert decide_scope(source_user(jobTitle="CTO"), ScopeRules(frozenset(), filters=titled), TODAY) == NOT_ASSIGNED
