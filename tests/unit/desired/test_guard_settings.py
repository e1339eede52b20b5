from typing import Any

import pytest
from pydantic import ValidationError
from support.desired_directory import SETTINGS, Tree

from reconciler.core.policy import APPROVABLE_GUARDS
from reconciler.desired.guard_settings import ApprovalSettings, GuardSettings

APPROVAL = {"plan": f"sha256:{'0' * 64}", "until": "2026-01-01", "reason": "Berlin closes"}


def test_every_guard_that_stops_harm_is_on_by_default() -> None:
    found = GuardSettings()
    for limit in (found.removals, found.reactivations):
        assert (limit.count, limit.percent, limit.floor) == (10, 10, 1)
    assert (found.name_takeovers.count, found.identity_changes.count, found.foreign_accounts.count) == (0, 0, 0)
    assert (found.updates.percent, found.creates.percent) == (None, None)


def test_an_approval_lifts_removals_unless_it_names_guards() -> None:
    assert ApprovalSettings(**APPROVAL).lifts == ["removals"]
    assert ApprovalSettings(**APPROVAL, lifts=list(APPROVABLE_GUARDS)).lifts == list(APPROVABLE_GUARDS)


@pytest.mark.parametrize("lifts", [[], ["removals", "removals"], ["protected"], ["complete-read"], ["Removals"], [""]])
def test_guards_that_no_approval_lifts_are_refused(lifts: list[str]) -> None:
    with pytest.raises(ValidationError):
        ApprovalSettings(**APPROVAL, lifts=lifts)


@pytest.mark.parametrize("entry", ["", " ", "*", "*@example.com", "@", "null", "NULL"])
def test_what_names_no_account_protects_none(entry: Any) -> None:
    with pytest.raises(ValidationError):
        GuardSettings(protected=[entry])


def test_numbers_are_numbers_where_a_number_is_due(tree: Tree) -> None:
    more = 'lifecycle: {delete_after_days: "30"}\nguards: {removals: {count: 5, percent: 2.5}}\n'
    found = tree(settings=SETTINGS + more).read_settings()
    assert found is not None
    removals = found.value.guards.removals
    assert (found.value.lifecycle.delete_after_days, removals.count, removals.percent) == (30, 5, 2.5)


@pytest.mark.parametrize("percent", ["nan", "inf", "-inf", "1e400"])
def test_a_percentage_is_a_number_between_nought_and_a_hundred(tree: Tree, percent: str) -> None:
    directory = tree(settings=f"{SETTINGS}guards: {{removals: {{percent: {percent}}}}}\n")
    assert directory.read_settings() is None
    assert len(directory.diagnostics) == 1
