from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders import DEPARTMENT, change, mapping, mappings, resource, values_of
from support.scripted_service import DOWN, LOST, REFUSED, Landed, ScriptedService, run_changes

from reconciler.core.model import Flow
from reconciler.core.plan import Action, Change
from reconciler.errors import ScimError
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts

LEFT = datetime(2026, 2, 1, tzinfo=UTC)
KNOWN = {"externalId": "id-ada", "userName": "ada@example.com", "active": False}
GONE = ScimError(404, "", "no such user")


class HidingService(ScriptedService):
    """Shows no account that is inactive."""

    def get_user(self, identity: str) -> dict[str, Any] | None:
        found = super().get_user(identity)
        return found if found is not None and found.get("active") else None

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        return [user for user in super().find_users(attribute, value) if user.get("active")]


def recorded(**fields: Any) -> RecordedAccounts:
    account = RecordedAccount("live-ada", **{"unseen": LEFT, "removal": LEFT, "external_id": "id-ada", **fields})
    return RecordedAccounts({"live-ada": account})


def comeback(**changed: Any) -> Change:
    return change("ada", Action.REACTIVATE, before=KNOWN, after=values_of("ada", **changed))


def run(service: ScriptedService, planned: Change | None = None, **options: Any) -> Any:
    return run_changes(service, planned or comeback(), **{"recorded": recorded(), **options})


def operations(service: ScriptedService) -> list[list[tuple[str, Any]]]:
    bodies = [body for request, body in service.sent if request.startswith("PATCH")]
    return [[(each["path"], each.get("value")) for each in body["Operations"]] for body in bodies]


def test_an_account_is_activated_alone_and_then_gets_the_rest() -> None:
    service = HidingService(resource("ada", active=False))
    found = run(service, comeback(department="Sales"))
    assert found.results == {"ada": "done"}
    assert operations(service) == [[("active", True)], [(DEPARTMENT, "Sales")]]
    assert service.log[:3] == ["GET live-ada", "FIND userName ada@example.com", "started ada reactivate active"]


def test_an_account_that_is_as_desired_needs_one_request() -> None:
    service = HidingService(resource("ada", active=False))
    assert run(service).results == {"ada": "done"}
    assert operations(service) == [[("active", True)]]


def test_values_that_the_plan_did_not_know_are_kept_or_cleared_as_the_mappings_say() -> None:
    rows = mappings(
        mapping("enterprise:department", "department", clear=True),
        mapping("enterprise:costCenter", "costCenter", flow=Flow.IF_EMPTY),
        mapping("enterprise:division", "division"),
    )
    extension = {"department": "Old", "costCenter": "7", "division": "EMEA"}
    urn = DEPARTMENT.rpartition(":")[0]
    service = HidingService(resource("ada", active=False, **{urn: extension}))
    after = {**values_of("ada", department=None), f"{urn}:costCenter": "9"}
    found = run(service, change("ada", Action.REACTIVATE, before=KNOWN, after=after), rows=rows)
    assert found.results == {"ada": "done"}
    assert service.users["live-ada"][urn] == {"costCenter": "7", "division": "EMEA"}


@pytest.mark.parametrize("theirs", ["id-eve", None])
def test_an_account_of_another_user_is_deactivated_again(theirs: str | None) -> None:
    service = HidingService(resource("ada", active=False, externalId=theirs))
    found = run(service)
    assert found.results == {"ada": "failed"}
    assert "; it was deactivated again" in found.messages["ada"]
    assert operations(service) == [[("active", True)], [("active", False)]]
    assert service.users["live-ada"]["active"] is False
    assert "started ada deactivate active" in service.log


def test_an_account_of_another_user_that_cannot_be_deactivated_again_is_reported() -> None:
    service = HidingService(resource("ada", active=False, externalId="id-eve"))
    service.script["PATCH live-ada"] = [lambda: None, REFUSED]
    message = run(service).messages["ada"]
    assert "it is active now, and could not be deactivated again: the service said no" in message


def test_an_account_is_not_handed_to_another_person() -> None:
    """The guard identity-changes cannot see what nothing shows."""
    theirs = {"userName": "bob@example.com", "name": {"givenName": "Bob", "familyName": "Stone"}}
    service = HidingService(resource("ada", active=False, **theirs))
    found = run(service)
    assert found.results == {"ada": "failed"}
    assert '"bob@example.com", "Bob Stone", and would get the names of another user' in found.messages["ada"]
    assert found.messages["ada"].endswith("it was deactivated again")
    assert (service.users["live-ada"]["active"], service.users["live-ada"]["userName"]) == (False, "bob@example.com")
    assert found.report.outcomes[0].attributes == ()


ANOTHER = {
    "both names": {"name": {"givenName": "Zoe", "familyName": "Other"}},
    "user name and given name": {"userName": "zoe@example.com", "name": {"givenName": "Zoe", "familyName": "Lovelace"}},
    "user name and family name": {"userName": "other@example.com", "name": {"givenName": "Ada", "familyName": "King"}},
}


@pytest.mark.parametrize("theirs", ANOTHER)
def test_what_the_guard_would_block_for_a_shown_account_is_not_sent(theirs: str) -> None:
    service = HidingService(resource("ada", active=False, **ANOTHER[theirs]))
    found = run(service, comeback(department="Sales"))
    assert found.results == {"ada": "failed"}
    assert operations(service) == [[("active", True)], [("active", False)]]


RETURNS = {
    "another user name": {"userName": "king@example.com"},
    "another family name": {"name": {"givenName": "Ada", "familyName": "King"}},
    "another given name": {"name": {"givenName": "Augusta", "familyName": "Lovelace"}},
    "another case": {"userName": "ADA@example.com", "name": {"givenName": "ADA", "familyName": "LOVELACE"}},
}


@pytest.mark.parametrize("theirs", RETURNS)
def test_one_name_that_changed_while_away_is_no_other_person(theirs: str) -> None:
    service = HidingService(resource("ada", active=False, **RETURNS[theirs]))
    assert run(service, comeback(department="Sales")).results == {"ada": "done"}


ZOE = {"userName": "zoe@example.com", "name.givenName": "Zoe", "name.familyName": "Other"}


@pytest.mark.parametrize(
    ("shown", "result"),
    [
        (ZOE, "done"),
        ({"userName": "zoe@example.com"}, "done"),
        ({**ZOE, "userName": "eve@example.com"}, "failed"),
        ({**ZOE, "name.givenName": "Eve"}, "failed"),
        ({}, "failed"),
    ],
)
def test_what_an_approval_let_through_is_sent_to_the_account_that_the_plan_showed(
    shown: dict[str, str], result: str
) -> None:
    names = {"givenName": "Zoe", "familyName": "Other"}
    service = HidingService(resource("ada", active=False, userName="zoe@example.com", name=names))
    before = {"externalId": "id-ada", "active": False, **shown}
    planned = change("ada", Action.REACTIVATE, before=before, after=values_of("ada"))
    assert run(service, planned).results == {"ada": result}


def test_an_account_that_is_gone_is_left_to_the_next_plan() -> None:
    service = HidingService()
    service.script["PATCH live-ada"] = [GONE]
    found = run(service)
    (outcome,) = found.report.outcomes
    assert (found.results, outcome.attributes) == ({"ada": "skipped"}, ("id",))
    assert "plan again to create another" in outcome.message


@pytest.mark.parametrize("refusal", [REFUSED, ScimError(403, "", "no")])
def test_a_refusal_is_reported(refusal: ScimError) -> None:
    service = HidingService(resource("ada", active=False))
    service.script["PATCH live-ada"] = [refusal]
    assert run(service).results == {"ada": "failed"}


def test_a_lost_answer_is_resolved_by_reading() -> None:
    service = HidingService(resource("ada", active=False))
    service.script["PATCH live-ada"] = [Landed(LOST)]
    assert run(service).results == {"ada": "done"}


def test_a_user_name_that_another_account_has_meanwhile_is_not_taken() -> None:
    service = HidingService(resource("ada", active=False), resource("ada", id="other", externalId="id-eve"))
    found = run(service)
    assert found.results == {"ada": "skipped"}
    assert operations(service) == []


def test_an_account_that_is_shown_late_is_checked_then() -> None:
    service = HidingService(resource("ada", active=False, externalId="id-eve"))
    read, looks = service.get_user, iter(range(100))
    service.get_user = lambda identity: read(identity) if next(looks) > 6 else None  # type: ignore[method-assign]
    found = run(service)
    assert found.results == {"ada": "failed"}
    assert service.users["live-ada"]["active"] is False


def test_a_service_that_refuses_the_read_leaves_it_open() -> None:
    service = HidingService(resource("ada", active=False))
    service.script["GET live-ada"] = [lambda: None, DOWN]
    assert run(service).results == {"ada": "unknown"}


def test_a_refusal_of_the_rest_says_that_the_account_is_active() -> None:
    service = HidingService(resource("ada", active=False))
    service.script["PATCH live-ada"] = [lambda: None, REFUSED]
    found = run(service, comeback(department="Sales"))
    assert found.messages == {"ada": "it is active again, but the service refused the rest: the service said no"}


@pytest.mark.parametrize("known", [RecordedAccounts(), recorded(shown=datetime(2026, 2, 2, tzinfo=UTC))])
def test_without_a_record_that_hides_it_an_account_that_is_not_shown_is_gone(known: RecordedAccounts) -> None:
    service = HidingService(resource("ada", active=False))
    found = run(service, recorded=known)
    assert found.messages == {"ada": "no longer as planned: the account is gone; plan again"}
    assert operations(service) == []


def test_a_404_of_a_hidden_account_says_nothing_about_patch() -> None:
    service = HidingService(resource("bob"))
    service.script["PATCH live-ada"] = [GONE]
    found = run(service)
    assert found.results == {"ada": "skipped"}
    assert [request for request in service.log if request.startswith("PATCH")] == ["PATCH live-ada"]


def test_an_account_that_a_filter_still_shows_is_not_said_to_be_another_one() -> None:
    """Filters of some services lag: the account has its own name there."""
    service = HidingService(resource("ada", active=False))
    service.find_users = lambda _attribute, _value: [resource("ada")]  # type: ignore[method-assign]
    found = run(service)
    assert found.results == {"ada": "skipped"}
    assert found.messages["ada"] == "a filter still shows the account as it was; nothing was sent. Plan again later"
    assert operations(service) == []
