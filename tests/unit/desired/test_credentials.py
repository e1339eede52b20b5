"""Credentials by the dates in settings.yaml, and dates that cannot be meant."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from support.builders import NOW
from support.desired_state import ADA, Load, broken, good

from reconciler.core.expiry import ConnectionCredential, CredentialKind, DateSource
from reconciler.core.model import Origin, Severity
from reconciler.desired.loader import BrokenState, DesiredState, load

APPLE = "target:\n  profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim\n"
OTHER = "target:\n  profile: scim\n  base_url: https://scim.example.com/v2\n"
ENTRA = "source: {entra: {tenant: contoso.onmicrosoft.com, application: Apple, credential_expires: 2027-02-01}}\n"
TODAY = NOW.date()


def later(days: int) -> date:
    return TODAY + timedelta(days)


def found_in(state: DesiredState | BrokenState) -> list[tuple[str, str, str]]:
    return [(item.severity.value, item.summary, str(item.origin)) for item in state.diagnostics]


def credential(state: DesiredState, kind: CredentialKind) -> ConnectionCredential:
    (found,) = [each for each in state.credentials if each.kind is kind]
    return found


def test_a_declared_date_keeps_its_place(loaded: Load) -> None:
    state = good(loaded(settings=f"{APPLE}  token_issued: {later(-9)}\n  token_expires: {later(300)}\n"))
    token = credential(state, CredentialKind.TOKEN)
    assert (token.expires, token.source, token.origin) == (
        later(300),
        DateSource.DECLARED,
        Origin("settings.yaml", 5, 18),
    )
    assert (token.issued, token.issued_origin) == (later(-9), Origin("settings.yaml", 4, 17))
    assert state.diagnostics == ()


def test_the_end_of_apples_token_follows_from_its_issue(tmp_path: Path, loaded: Load) -> None:
    token = credential(good(loaded(settings=f"{APPLE}  token_issued: 2024-02-29\n")), CredentialKind.TOKEN)
    assert (token.expires, token.source) == (date(2025, 2, 28), DateSource.COMPUTED)
    assert token.origin == Origin("settings.yaml", 4, 17)
    other = credential(good(loaded(settings=f"{OTHER}  token_issued: 2024-02-29\n")), CredentialKind.TOKEN)
    assert other.expires is None


def test_oauth_has_a_client_secret_instead_of_a_token(loaded: Load) -> None:
    state = good(loaded(settings=f"{APPLE}  auth: oauth\n  client_secret_expires: {later(100)}\n"))
    assert [each.kind for each in state.credentials] == [CredentialKind.CLIENT_SECRET]
    assert (state.credentials[0].expires, state.diagnostics) == (later(100), ())


def test_the_credential_of_the_source(loaded: Load) -> None:
    state = good(loaded(settings=APPLE + ENTRA))
    found = credential(state, CredentialKind.GRAPH_CREDENTIAL)
    assert (found.expires, found.origin) == (date(2027, 2, 1), Origin("settings.yaml", 4, 91))


def test_dates_change_no_digest(loaded: Load) -> None:
    plain = good(loaded(settings=APPLE)).digest
    assert good(loaded(settings=f"{APPLE}  token_issued: {later(-9)}\n  token_expires: {later(300)}\n")).digest == plain


# --- dates that cannot be meant -------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, -1, -300])
def test_an_end_before_the_issue_is_an_error(loaded: Load, days: int) -> None:
    issued = later(-400)
    expires = issued + timedelta(days)
    (found,) = broken(loaded(settings=f"{APPLE}  token_issued: {issued}\n  token_expires: {expires}\n"))
    assert found.startswith(
        f"settings.yaml:5:18: target.token_expires, {expires}, must be later than target.token_issued, {issued}"
    )
    assert ("swapped" in found) is (days < 0)


@pytest.mark.parametrize(("days", "warned"), [(0, False), (1, False), (2, True)])
def test_an_issue_in_the_future(loaded: Load, days: int, warned: bool) -> None:
    state = good(loaded(settings=f"{APPLE}  token_issued: {later(days)}\n"))
    expected = ("warning", f"target.token_issued, {later(days)}, is in the future", "settings.yaml:4:17")
    assert found_in(state) == ([expected] if warned else [])


@pytest.mark.parametrize(("days", "warned"), [(365, False), (366, False), (367, True), (3650, True)])
def test_a_token_of_apple_lasts_a_year_from_now(loaded: Load, days: int, warned: bool) -> None:
    state = good(loaded(settings=f"{APPLE}  token_expires: {later(days)}\n"))
    assert [place for _, _, place in found_in(state)] == (["settings.yaml:4:18"] if warned else [])
    assert not warned or "Apple Business Manager's tokens last 1 year" in state.diagnostics[0].detail
    assert good(loaded(settings=f"{OTHER}  token_expires: {later(days)}\n")).diagnostics == ()


@pytest.mark.parametrize(
    ("expires", "warned"), [("2026-11-01", False), ("2026-11-04", False), ("2026-11-05", True), ("9999-12-31", True)]
)
def test_a_token_of_apple_lasts_a_year_from_its_issue(loaded: Load, expires: str, warned: bool) -> None:
    state = good(loaded(settings=f"{APPLE}  token_issued: 2025-11-01\n  token_expires: {expires}\n"))
    assert [place for _, _, place in found_in(state)] == (["settings.yaml:5:18"] if warned else [])
    assert not warned or state.diagnostics[0].summary.endswith("is more than 1 year after its issue on 2025-11-01")


@pytest.mark.parametrize(("days", "warned"), [(366, False), (367, True)])
def test_a_client_secret_lasts_a_year_at_most(loaded: Load, days: int, warned: bool) -> None:
    state = good(loaded(settings=f"{APPLE}  auth: oauth\n  client_secret_expires: {later(days)}\n"))
    assert [place for _, _, place in found_in(state)] == (["settings.yaml:5:26"] if warned else [])


def test_dates_of_what_is_not_used(loaded: Load) -> None:
    state = good(loaded(settings=f"{APPLE}  client_secret_expires: {later(30)}\n"))
    assert found_in(state) == [
        ("warning", "target.client_secret_expires has no effect with target.auth: token", "settings.yaml:4:26")
    ]
    oauth = good(loaded(settings=f"{APPLE}  auth: oauth\n  token_expires: {later(30)}\n  token_issued: {TODAY}\n"))
    assert {item.summary for item in oauth.diagnostics} == {
        "target.token_expires has no effect with target.auth: oauth",
        "target.token_issued has no effect with target.auth: oauth",
    }
    assert all(item.severity is Severity.WARNING for item in oauth.diagnostics)


def test_a_date_in_the_past_is_no_mistake_in_it(loaded: Load) -> None:
    assert good(loaded(settings=f"{APPLE}  token_expires: {later(-30)}\n")).diagnostics == ()


@pytest.mark.parametrize(
    "text", ["2027-02-29", "01.05.2027", "20270501", "2027-5-1", "soon", "0000-00-00", "-1", "", " "]
)
def test_what_is_no_date_is_an_error_at_its_line(loaded: Load, text: str) -> None:
    (found,) = broken(loaded(settings=f"{APPLE}  token_expires: '{text}'\n"))
    assert found.startswith("settings.yaml:4:18: target.token_expires: expected a date such as 2026-12-31")


@pytest.mark.parametrize("key", ["token_issued", "token_expires", "client_secret_expires"])
@pytest.mark.parametrize(("value", "error"), [("", False), ("~", False), ('""', True)])
def test_a_key_without_a_value_is_no_date_and_an_empty_text_an_error(
    loaded: Load, key: str, value: str, error: bool
) -> None:
    found = loaded(settings=f"{APPLE}  {key}: {value}\n")
    if error:
        assert [each.partition(": ")[2][: len(key) + 7] for each in broken(found)] == [f"target.{key}"]
    else:
        assert all("expected a date" not in item.summary for item in good(found).diagnostics)


def test_an_empty_text_is_no_date_of_the_credential_for_graph(loaded: Load) -> None:
    source = 'source: {entra: {tenant: contoso.example, application: Apple, credential_expires: ""}}'
    (found,) = broken(loaded(settings=f"{APPLE}{source}\n"))
    assert "source.entra.credential_expires: expected a date" in found


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_are_dates(loaded: Load, text: str) -> None:
    for key in ("token_expires", "token_issued"):
        good(loaded(settings=f"{APPLE}  {key}: {text}\n"))


def test_the_day_is_that_of_the_given_time(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(f"{APPLE}  token_issued: 2027-03-03\n")
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "a.yaml").write_text(ADA)
    for hour, warned in ((0, True), (24, False)):
        at = datetime.fromisoformat("2027-03-01T00:00:00+00:00") + timedelta(hours=hour)
        assert bool(good(load(tmp_path, at)).diagnostics) is warned
