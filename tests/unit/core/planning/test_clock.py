from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from support.builders import MAPPINGS, OUT, change, desired

from reconciler.core.model import IN_SCOPE, Lifecycle, ScopeReason, Verdict
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Action, Change
from reconciler.core.planning.clock import explain_clock, find_clock_changes, format_minute


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


@pytest.mark.parametrize(
    ("unreadable", "shown"),
    [
        ("yesterday", '"yesterday"'),
        ("", '""'),
        ('a"\u202eb\n', r'"a\"\u{202e}b\n"'),
        ("9" * 5_000, f'"{"9" * 60}… (4940 more characters)"'),
    ],
)
def test_a_date_that_cannot_be_read_is_quoted(unreadable: str, shown: str) -> None:
    assert explain_clock(None, unreadable) == (
        f"the service sends a Date header that cannot be read, {shown}, so the clock of this machine cannot be checked"
    )
    assert explain_clock(timedelta(0), unreadable) is None


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


def turned(who: str, action: Action, *, active: bool) -> Change:
    """A change that gives or takes access."""
    return replace(change(who, action), before={"active": not active}, after={"active": active})


PEOPLE = [*map(desired, ("gone", "back", "new", "edited")), desired("out", verdict=OUT)]
CHANGES = [
    turned("gone", Action.DEACTIVATE, active=False),
    turned("back", Action.REACTIVATE, active=True),
    change("new", Action.CREATE),
    replace(change("edited"), before={"name.familyName": "King"}, after={"name.familyName": "Lovelace"}),
    turned("out", Action.DEACTIVATE, active=False),
    turned("unclaimed", Action.DEACTIVATE, active=False),
]


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        ("active", {"gone", "back", "new"}),
        ("name.familyName", {"edited", "new"}),
        ("enterprise:department", {"new"}),
        ("externalId", {"gone", "back", "new", "edited", "out", "unclaimed"}),
        ("", set()),
    ],
)
def test_whatever_a_mapping_that_reads_the_clock_has_a_part_in_rests_on_it(target: str, rest: set[str]) -> None:
    rows = [replace(row, uses_now=shorten_path(row.target) == target) for row in MAPPINGS]
    assert sum(row.uses_now for row in rows) == bool(target)
    found = find_clock_changes(CHANGES, PEOPLE, rows)
    assert {each.key.removesuffix("@example.com") for each in CHANGES if each.address in found} == rest


def test_a_minute_is_shown_in_utc() -> None:
    assert format_minute(datetime(2026, 12, 31, 23, 30, 59, tzinfo=timezone(-timedelta(hours=2)))) == "2027-01-01 01:30"
