from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.session.unconfirmed_writes import find_unconfirmed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MOMENT_AGO = NOW - timedelta(minutes=5)


def recorded(redactor: Redactor, sent: datetime = MOMENT_AGO, confirmed: datetime | None = None) -> RecordedAccounts:
    account = RecordedAccount("1", unconfirmed={"active": (sent, redactor.shown("1", "active", False))})
    if confirmed is not None:
        account.confirmed = confirmed
    return RecordedAccounts({"1": account, "2": RecordedAccount("2")}, redactor=redactor)


@pytest.mark.parametrize("redactor", [NO_REDACTION, Redactor(b"k" * 40)])
def test_the_value_from_before_the_request_is_old(redactor: Redactor) -> None:
    found = find_unconfirmed(recorded(redactor), NOW)
    assert found.keys() == {"1"}
    assert found["1"].is_old("active", False)
    assert not any(found["1"].is_old("active", value) for value in (True, None, "False"))
    assert not found["1"].is_old("title", False)
    assert (found["1"].sent, found["1"].until) == (MOMENT_AGO, MOMENT_AGO + timedelta(hours=1))


def test_after_an_hour_what_is_shown_counts() -> None:
    assert find_unconfirmed(recorded(NO_REDACTION, NOW - timedelta(minutes=61)), NOW) == {}


def test_a_confirmed_change_afterwards_shows_the_present_state() -> None:
    assert find_unconfirmed(recorded(NO_REDACTION, confirmed=NOW), NOW) == {}
    assert find_unconfirmed(recorded(NO_REDACTION, confirmed=MOMENT_AGO - timedelta(minutes=1)), NOW).keys() == {"1"}
