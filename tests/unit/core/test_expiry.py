"""When the credentials of a connection end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from reconciler.core.expiry import (
    THRESHOLDS,
    ConnectionCredential,
    CredentialKind,
    DateSource,
    ExpiryLevel,
    ExpiryTopic,
    add_years,
    assess_credentials,
    count_days_left,
    count_days_to_use,
    describe_end,
    describe_findings,
    describe_renewal,
    describe_stage,
    find_expiry,
    find_stage,
    is_proof_of_use,
)
from reconciler.core.model import Origin, Severity, warning
from reconciler.profiles import PROFILES

END = date(2027, 5, 1)
PLACE = Origin("settings.yaml", 12, 18)
APPLE = PROFILES["apple-business-manager"].token_rules
TOKEN = ConnectionCredential(CredentialKind.TOKEN, END, origin=PLACE, rules=APPLE)
ISSUED = ConnectionCredential(CredentialKind.TOKEN, issued=date(2026, 12, 1), issued_origin=PLACE, rules=APPLE)


def days_before(days: int) -> date:
    return END - timedelta(days)


@pytest.mark.parametrize("threshold", [threshold for threshold in THRESHOLDS if threshold])
def test_a_stage_begins_on_the_day_of_its_threshold(threshold: int) -> None:
    larger = [each for each in THRESHOLDS if each > threshold]
    assert find_stage(threshold + 1) == (larger[-1] if larger else None)
    assert find_stage(threshold) == threshold


def test_the_last_stage_begins_on_the_day_of_the_end_and_lasts() -> None:
    assert [find_stage(days) for days in (2, 1, 0, -1, -400)] == [7, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("days", "level", "text"),
    [
        (60, ExpiryLevel.NOTICE, "the token expires in 60 days, on 2027-05-01"),
        (15, ExpiryLevel.NOTICE, "the token expires in 15 days, on 2027-05-01"),
        (14, ExpiryLevel.WARNING, "the token expires in 14 days, on 2027-05-01"),
        (2, ExpiryLevel.WARNING, "the token expires in 2 days, on 2027-05-01"),
        (1, ExpiryLevel.URGENT, "the token expires tomorrow, on 2027-05-01"),
        (0, ExpiryLevel.URGENT, "the token expires today, on 2027-05-01"),
        (-1, ExpiryLevel.URGENT, "the token expired on 2027-05-01, 1 day ago"),
        (-1000, ExpiryLevel.URGENT, "the token expired on 2027-05-01, 1,000 days ago"),
    ],
)
def test_a_finding_says_when_and_how_urgent(days: int, level: ExpiryLevel, text: str) -> None:
    (found,) = assess_credentials([TOKEN], days_before(days))
    assert (found.level, found.message, found.days_left, found.origin) == (level, text, days, PLACE)
    assert found.topic is ExpiryTopic.END


def test_nothing_is_said_before_the_first_threshold_or_without_a_date() -> None:
    assert assess_credentials([TOKEN], days_before(61)) == ()
    assert assess_credentials([ConnectionCredential(CredentialKind.TOKEN)], END) == ()
    assert count_days_left(ConnectionCredential(CredentialKind.TOKEN), END) is None
    assert describe_end(ConnectionCredential(CredentialKind.TOKEN), END) == "expires on an unknown day"


def test_the_most_urgent_comes_first() -> None:
    secret = ConnectionCredential(CredentialKind.CLIENT_SECRET, END - timedelta(20))
    graph = ConnectionCredential(CredentialKind.GRAPH_CREDENTIAL, END + timedelta(20), DateSource.GRAPH, others=1)
    found = assess_credentials([TOKEN, graph, secret], days_before(30))
    assert [(item.credential.kind, item.stage) for item in found] == [
        (CredentialKind.CLIENT_SECRET, 14),
        (CredentialKind.TOKEN, 30),
        (CredentialKind.GRAPH_CREDENTIAL, 60),
    ]


def test_each_kind_has_its_way_out() -> None:
    apple = describe_renewal(TOKEN)
    assert "Apple Business Manager" in apple
    assert "two at a time" in apple
    assert "target.token_issued" in apple
    other = describe_renewal(ConnectionCredential(CredentialKind.TOKEN))
    assert "RECONCILER_TOKEN" in other
    assert "Apple" not in other
    assert "token_issued" not in other
    secret = describe_renewal(ConnectionCredential(CredentialKind.CLIENT_SECRET))
    assert "RECONCILER_OAUTH_CLIENT_SECRET" in secret
    assert "reconciler login" in secret
    assert "Apple" in describe_renewal(ConnectionCredential(CredentialKind.CLIENT_SECRET, rules=APPLE))
    graph = describe_renewal(ConnectionCredential(CredentialKind.GRAPH_CREDENTIAL))
    assert "AZURE_CLIENT_SECRET" in graph
    assert "OIDC" in graph


@pytest.mark.parametrize("day", [date.min, date.max])
def test_any_date_is_counted(day: date) -> None:
    (found,) = assess_credentials([ConnectionCredential(CredentialKind.TOKEN, date.min)], date.max)
    assert found.days_left == -3652058
    assert assess_credentials([ConnectionCredential(CredentialKind.TOKEN, date.max)], date.min) == ()
    assert add_years(day, 1).year == min(day.year + 1, 9999)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 11, 29), date(2027, 11, 29)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2027, 2, 28), date(2028, 2, 28)),
        (date(2027, 3, 1), date(2028, 3, 1)),
    ],
)
def test_a_calendar_year(start: date, end: date) -> None:
    assert add_years(start, 1) == end


def test_days_are_counted_over_a_leap_day() -> None:
    token = ConnectionCredential(CredentialKind.TOKEN, date(2028, 3, 1))
    assert count_days_left(token, date(2028, 2, 28)) == 2
    assert count_days_left(ConnectionCredential(CredentialKind.TOKEN, date(2027, 3, 1)), date(2027, 2, 28)) == 1


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (60, "The token expires within 60 days: 2027-05-01"),
        (31, "The token expires within 60 days: 2027-05-01"),
        (7, "The token expires within 7 days: 2027-05-01"),
        (1, "The token expires within a day: 2027-05-01"),
        (-9, "The token is at its end: 2027-05-01"),
    ],
)
def test_a_warning_is_found_again_by_its_stage(days: int, said: str) -> None:
    (item,) = found = describe_findings(assess_credentials([TOKEN], days_before(days)))
    assert (item.severity, item.origin) == (Severity.WARNING, PLACE)
    assert find_expiry([warning("another"), item, replace(item, cause="settings.yaml:1:2")]) == found
    assert (find_expiry([item], most_days=14) == found) is (days <= 14)
    assert describe_stage(item) == said


@pytest.mark.parametrize(
    "cause", ["expiry", "expiry:end:token:7", "expiry:end:token:007:2027-05-01", "expiry:end:\n:7:2027-05-01", "x"]
)
def test_a_cause_of_another_form_is_no_stage(cause: str) -> None:
    assert find_expiry([replace(warning("w"), cause=cause)]) == ()


def test_a_stage_of_something_unknown_needs_attention() -> None:
    assert (
        describe_stage(replace(warning("w"), cause="expiry:end:@team:7:2027-05-01")) == "A credential needs attention"
    )
    (first,) = describe_findings(assess_credentials([ISSUED], date(2026, 12, 2)))
    assert describe_stage(first) == "The token needs attention"
    unknown = replace(warning("w"), cause="expiry:end:other:7:2027-05-01")
    assert describe_stage(unknown) == "A credential expires within 7 days: 2027-05-01"


# --- the first use --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "left", "level", "by"),
    [
        (1, 4, ExpiryLevel.WARNING, "2026-12-04"),
        (3, 2, ExpiryLevel.WARNING, "2026-12-04"),
        (4, 1, ExpiryLevel.URGENT, "2026-12-04"),
        (5, 0, ExpiryLevel.URGENT, "2026-12-05"),
    ],
)
def test_a_new_token_must_be_used(day: int, left: int, level: ExpiryLevel, by: str) -> None:
    (found,) = assess_credentials([ISSUED], date(2026, 12, day))
    assert (found.topic, found.days_left, found.level, found.stage) == (ExpiryTopic.FIRST_USE, left, level, 4)
    assert "issued on 2026-12-01" in found.message
    assert "within 4 days" in found.message
    assert f"by {by}," in found.way_out
    assert found.origin == PLACE


def test_after_the_fourth_day_it_is_probably_dead() -> None:
    (found,) = assess_credentials([ISSUED], date(2026, 12, 6))
    assert "probably dead" in found.message
    assert "reconciler check" in found.way_out
    assert (found.stage, found.days_left, found.level) == (0, -1, ExpiryLevel.URGENT)


def test_long_after_its_issue_a_token_is_not_doubted() -> None:
    assert len(assess_credentials([ISSUED], date(2027, 1, 4))) == 1
    assert assess_credentials([ISSUED], date(2027, 1, 5)) == ()


def test_a_used_token_is_not_mentioned() -> None:
    assert assess_credentials([ISSUED], date(2026, 12, 2), used=True) == ()


def test_a_token_of_the_future_and_one_of_another_service_have_no_first_days() -> None:
    assert assess_credentials([ISSUED], date(2026, 11, 30)) == ()
    other = ConnectionCredential(CredentialKind.TOKEN, issued=date(2026, 12, 1))
    assert count_days_to_use(other, date(2026, 12, 2)) is None
    assert assess_credentials([other], date(2026, 12, 2)) == ()


def test_a_run_on_the_day_of_issue_may_have_used_the_token_before() -> None:
    assert not is_proof_of_use(ISSUED, date(2026, 12, 1))
    assert is_proof_of_use(ISSUED, date(2026, 12, 2))
    assert is_proof_of_use(TOKEN, date(2020, 1, 1))
