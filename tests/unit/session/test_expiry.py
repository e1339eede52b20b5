"""Dates of credentials, for commands."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reconciler.core.expiry import CredentialKind
from reconciler.session.expiry import read_credentials, warn_of_expiry, warn_of_past_dates

SETTINGS = """\
target:
  profile: apple-business-manager
  base_url: https://federation.apple.com/feeds/business/scim
  token_issued: 2026-05-01
  token_expires: 2027-05-01
source: {entra: {tenant: contoso.onmicrosoft.com, application: Apple, credential_expires: 2027-04-01}}
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return tmp_path


def test_the_settings_alone_are_enough(state: Path) -> None:
    (state / "users").write_text("not a directory")
    kinds = [each.kind for each in read_credentials(state)]
    assert kinds == [CredentialKind.TOKEN, CredentialKind.GRAPH_CREDENTIAL]


def test_invalid_settings_have_no_credentials(state: Path) -> None:
    (state / "settings.yaml").write_text("target: 7\n")
    assert read_credentials(state) == ()


def test_warnings_of_a_plan_begin_with_the_most_urgent(state: Path) -> None:
    found = warn_of_expiry(read_credentials(state), date(2027, 3, 25))
    assert [(str(item.origin), item.summary) for item in found] == [
        (
            "settings.yaml:6:91",
            "the app registration's credential for Microsoft Graph expires in 7 days, on 2027-04-01",
        ),
        ("settings.yaml:5:18", "the token expires in 37 days, on 2027-05-01"),
    ]


def test_a_new_token_is_not_doubted_by_a_plan(state: Path) -> None:
    assert warn_of_expiry(read_credentials(state), date(2026, 5, 2)) == ()


def test_dates_in_the_past_are_those_before_today(state: Path) -> None:
    credentials = read_credentials(state)
    assert warn_of_past_dates(credentials, date(2027, 4, 1)) == ()
    assert len(warn_of_past_dates(credentials, date(2027, 4, 2))) == 1
    assert len(warn_of_past_dates(credentials, date(2027, 5, 2))) == 2
