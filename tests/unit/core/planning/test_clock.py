from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.builders import MAPPINGS, OUT, change, desired

from reconciler.core.model import IN_SCOPE, Lifecycle, ScopeReason, Verdict
from reconciler.core.plan import Action
from reconciler.core.planning.clock import explain_clock, find_clock_changes


@pytest.mark.parametrize(
    ("offset", "problem"),
    [
        (timedelta(0), None),
        (timedelta(minutes=5), None),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=6), "the clock of this machine is 6 minutes ahead of the service's"),
        (timedelta(hours=-3), "the clock of this machine is 3 hours behind the service's"),
        (timedelta(hours=1, seconds=3), "the clock of this machine is 1 hour ahead of the service's"),
        (timedelta(days=-60), "the clock of this machine is 60 days behind the service's"),
        (timedelta(days=7_305), "the clock of this machine is 7,305 days ahead of the service's"),
        (None, "the service sends no Date header, so the clock of this machine cannot be checked"),
    ],
)
def test_clocks_that_differ_by_more_than_minutes_disagree(offset: timedelta | None, problem: str | None) -> None:
    assert explain_clock(offset) == problem


EXPIRED = Verdict(ScopeReason.EXPIRED, "expired")
NOT_STARTED = Verdict(ScopeReason.NOT_STARTED, "starts")
FILTERED = Verdict(ScopeReason.FILTERED, "filtered")
BY_DATE = Verdict(ScopeReason.IN_SCOPE, by_date=True)
STARTED = Lifecycle(starts=date(2026, 1, 1))
EXPIRES = Lifecycle(expires=date(2027, 1, 1))


@pytest.mark.parametrize(
    ("verdict", "lifecycle", "rests"),
    [
        (IN_SCOPE, Lifecycle(), False),
        (IN_SCOPE, Lifecycle(protected=True), False),
        (IN_SCOPE, STARTED, True),
        (IN_SCOPE, EXPIRES, True),
        (EXPIRED, EXPIRES, True),
        (NOT_STARTED, STARTED, True),
        (OUT, Lifecycle(), False),
        (Verdict(ScopeReason.DISABLED, "disabled"), EXPIRES, False),
        (Verdict(ScopeReason.NOT_ASSIGNED, "not assigned"), EXPIRES, False),
        (FILTERED, Lifecycle(), False),
        (Verdict(ScopeReason.FILTERED, "filtered", by_date=True), Lifecycle(), True),
        (BY_DATE, Lifecycle(), True),
    ],
)
def test_the_scope_of_a_user_rests_on_the_date_if_another_day_could_change_it(
    verdict: Verdict, lifecycle: Lifecycle, rests: bool
) -> None:
    assert replace(desired("ada", verdict=verdict), lifecycle=lifecycle).rests_on_date is rests


def test_deletions_and_access_by_date_rest_on_the_clock() -> None:
    dated = replace(desired("ada"), lifecycle=EXPIRES)
    for action in Action:
        of_dated, of_other = change("ada", action), change("bob", action)
        found = find_clock_changes([of_dated, of_other], [dated, desired("bob")], MAPPINGS)
        expected = {of_dated.address} if action is not Action.UPDATE else set()
        assert set(found) == expected | ({of_other.address} if action is Action.DELETE else set())


@pytest.mark.parametrize(("target", "rests"), [("active", True), ("externalId", False)])
def test_access_by_a_mapping_that_reads_the_clock_rests_on_it(target: str, *, rests: bool) -> None:
    rows = [replace(row, uses_now=row.target == target) for row in MAPPINGS]
    changes = [change("ada", Action.DEACTIVATE), change("bob", Action.DEACTIVATE), change("cy")]
    people = [desired("ada"), desired("bob", verdict=OUT), desired("cy")]
    assert set(find_clock_changes(changes, people, rows)) == ({changes[0].address} if rests else set())
