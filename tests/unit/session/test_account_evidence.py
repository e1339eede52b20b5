"""Which evidence is looked for, and when."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import desired, live, request
from support.target_workspace import TargetWorkspace

from reconciler.core.planning.guards.context import AccountEvidence
from reconciler.core.planning.request import LiveState
from reconciler.core.policy import Limit, Policy
from reconciler.git.history_search import SearchQuery, SearchResult
from reconciler.session import account_evidence
from reconciler.session.account_evidence import plan_with_evidence

FREE = Policy(removals=Limit())
LIVE = LiveState([live("ada"), live("bob"), live("cid")])


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[SearchQuery]:
    """The searches of git's history, which find Bob."""
    queries: list[SearchQuery] = []

    def search(_directory: Any, query: SearchQuery) -> SearchResult:
        queries.append(query)
        return SearchResult(frozenset({"live-bob"}), "this clone is shallow")

    monkeypatch.setattr(account_evidence, "search_history", search)
    return queries


def test_history_is_not_read_if_nothing_is_missing(target: TargetWorkspace, searched: list[SearchQuery]) -> None:
    known = AccountEvidence({"live-bob", "live-cid"})
    with target.session() as session:
        for evidence in (known, None):
            asked = request([desired("ada")], policy=FREE, evidence=evidence)
            plan, after = plan_with_evidence(asked, LIVE, session)
            assert (plan.blocked, after) == (False, asked)
    assert searched == []


def test_history_is_asked_for_the_accounts_that_the_record_does_not_have(
    target: TargetWorkspace, searched: list[SearchQuery]
) -> None:
    with target.session() as session:
        asked = request([desired("ada")], policy=FREE, evidence=AccountEvidence({"live-cid"}))
        plan, after = plan_with_evidence(asked, LIVE, session)
    (query,) = searched
    assert set(query.values) >= {"id-bob", "bob@example.com"}
    assert set().union(*query.values.values()) == {"live-bob"}
    assert {"objectId", "userPrincipalName"} <= set(query.keys)
    assert not plan.blocked
    assert after.evidence == AccountEvidence(frozenset({"live-bob", "live-cid"}), "this clone is shallow")


def test_what_is_found_nowhere_blocks_and_says_what_is_missing(
    target: TargetWorkspace, searched: list[SearchQuery]
) -> None:
    with target.session() as session:
        asked = request([desired("ada")], policy=FREE, evidence=AccountEvidence())
        plan, _ = plan_with_evidence(asked, LIVE, session)
    assert len(searched) == 1
    (blocked,) = [guard for guard in plan.guards if guard.blocks]
    assert blocked.accounts == ("live-cid",)
    assert blocked.message.endswith("this clone is shallow")
