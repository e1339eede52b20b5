"""Why a service refuses a credential, by its dates."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reconciler.core.expiry import ConnectionCredential, CredentialKind, DateSource
from reconciler.core.model import Origin
from reconciler.core.refused_credentials import explain_refused_secret, explain_refused_token, find_credential
from reconciler.profiles import PROFILES

END = date(2027, 5, 1)
PLACE, OTHER_PLACE = Origin("settings.yaml", 12, 18), Origin("settings.yaml", 11, 17)
APPLE = PROFILES["apple-business-manager"].token_rules
TOKEN = ConnectionCredential(CredentialKind.TOKEN, END, origin=PLACE, rules=APPLE)
SECRET = ConnectionCredential(CredentialKind.CLIENT_SECRET, END, origin=PLACE, rules=APPLE)
NEW = ConnectionCredential(
    CredentialKind.TOKEN,
    date(2027, 12, 1),
    DateSource.COMPUTED,
    OTHER_PLACE,
    issued=date(2026, 12, 1),
    issued_origin=OTHER_PLACE,
    rules=APPLE,
)


@pytest.mark.parametrize("days", [1, 2, 300])
def test_after_its_end_a_token_is_refused_because_it_expired(days: int) -> None:
    found = explain_refused_token(TOKEN, END + timedelta(days), "Check it.", "It lasts a year.")
    assert found.startswith("The token expired on 2027-05-01")
    assert "(settings.yaml:12:18). Make a second token in Apple Business Manager" in found
    assert "Check it." not in found


@pytest.mark.parametrize(("days", "when"), [(1, "tomorrow"), (0, "today")])
def test_on_its_last_day_and_the_day_before_it_may_have_expired(days: int, when: str) -> None:
    found = explain_refused_token(TOKEN, END - timedelta(days), "Check it.")
    assert found.startswith(
        f"The token expires {when}, on 2027-05-01, and may have ended already (settings.yaml:12:18)"
    )


def test_before_its_end_it_is_another_cause() -> None:
    found = explain_refused_token(TOKEN, END - timedelta(2), "Check it.", "It lasts a year.")
    assert found == (
        "Check it. As it expires in 2 days, on 2027-05-01 (settings.yaml:12:18), it was probably revoked or replaced,"
        " or is another one."
    )


@pytest.mark.parametrize("days", [0, 4])
def test_in_its_first_days_it_may_not_be_the_new_one(days: int) -> None:
    found = explain_refused_token(NEW, date(2026, 12, 1) + timedelta(days), "Check it.")
    assert "It was issued on 2026-12-01 (settings.yaml:11:17)" in found
    assert "used by 2026-12-05: is RECONCILER_TOKEN the new token?" in found
    assert "(its day of issue, settings.yaml:11:17)" in found


@pytest.mark.parametrize(("days", "said"), [(5, True), (34, True), (35, False)])
def test_after_its_first_days_it_may_be_dead(days: int, said: bool) -> None:
    found = explain_refused_token(NEW, date(2026, 12, 1) + timedelta(days), "Check it.")
    assert ("If it was not used within 4 days of 2026-12-01" in found) is said


def test_without_a_date_the_general_advice_stays_and_a_date_is_asked_for() -> None:
    found = explain_refused_token(
        ConnectionCredential(CredentialKind.TOKEN, rules=APPLE), END, "Check it.", "It lasts a year."
    )
    assert found == ("Check it. It lasts a year. No date of its end is declared: set target.token_expires.")
    assert explain_refused_token(None, END, "Check it.", "A hint.") == "Check it. A hint."
    assert explain_refused_token(None, END, "Check it.") == "Check it."


@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant", "unauthorized_client"])
def test_a_client_secret_after_its_end(code: str) -> None:
    found = explain_refused_secret(SECRET, END + timedelta(3), code)
    assert found.startswith("The OAuth client secret expired on 2027-05-01, 3 days ago (settings.yaml:12:18).")
    assert "reconciler login" in found


def test_a_client_secret_before_its_end_and_without_one() -> None:
    assert "expires in 10 days" in explain_refused_secret(SECRET, END - timedelta(10), "invalid_client")
    without = ConnectionCredential(CredentialKind.CLIENT_SECRET)
    assert "set target.client_secret_expires" in explain_refused_secret(without, END, "invalid_client")


def test_a_refused_grant_is_not_about_a_client_secret_that_lasts() -> None:
    assert explain_refused_secret(SECRET, END - timedelta(10), "invalid_grant") == ""
    assert explain_refused_secret(ConnectionCredential(CredentialKind.CLIENT_SECRET), END, "invalid_grant") == ""


def test_another_error_is_not_about_the_client_secret() -> None:
    assert explain_refused_secret(SECRET, END + timedelta(3), "temporarily_unavailable") == ""
    assert explain_refused_secret(None, END, "invalid_client") == ""


def test_a_date_that_was_read_from_graph() -> None:
    graph = ConnectionCredential(CredentialKind.GRAPH_CREDENTIAL, END, DateSource.GRAPH)
    assert "(Microsoft Graph)" in explain_refused_token(graph, END + timedelta(3), "Check it.")


def test_credentials_are_found_by_kind() -> None:
    assert find_credential([TOKEN, SECRET], CredentialKind.CLIENT_SECRET) is SECRET
    assert find_credential([TOKEN], CredentialKind.CLIENT_SECRET) is None
