import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import TARGET, change, values_of

from reconciler.core.model import error
from reconciler.core.plan import Action, Outcome, Result
from reconciler.render.log_entry import Cycle, Stamp, error_code, format_outcome, format_unplanned

CYCLE = Cycle("cycle", "scim.job", TARGET, "Apple Business Manager", "c0ffee", "Reconciler", person=False, redact=False)
STAMP = Stamp("id", "change", datetime(2026, 3, 1, 12, tzinfo=UTC))
ADA = change("ada", after=values_of("ada", family="King", active=False), detail="attributes differ")


def line(outcome: Outcome, cycle: Cycle = CYCLE, **options: bool) -> dict[str, Any]:
    text = format_outcome(outcome, cycle, STAMP, **options)
    assert text.endswith("\n")
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_has_the_fields_of_entras_provisioning_log() -> None:
    assert line(Outcome(ADA, Result.DONE, "", "live-ada", seconds=0.1234)) == {
        "id": "id",
        "activityDateTime": "2026-03-01T12:00:00+00:00",
        "tenantId": "",
        "jobId": "scim.job",
        "cycleId": "cycle",
        "changeId": "change",
        "provisioningAction": "update",
        "initiatedBy": {"id": "", "displayName": "Reconciler", "initiatorType": "system"},
        "servicePrincipal": {"id": "scim.job", "displayName": "Apple Business Manager"},
        "sourceSystem": {"id": "c0ffee", "displayName": "Reconciler desired state", "details": {}},
        "targetSystem": {
            "id": "scim.job",
            "displayName": "Apple Business Manager",
            "details": {"profile": TARGET.profile, "base_url": TARGET.base_url},
        },
        "durationInMilliseconds": 123,
        "provisioningStatusInfo": {"status": "success", "errorInformation": None},
        "provisioningSteps": [
            {
                "name": "EntryImport",
                "provisioningStepType": "import",
                "status": "success",
                "description": "",
                "details": {},
            },
            {
                "name": "EntrySynchronizationScoping",
                "provisioningStepType": "scoping",
                "status": "success",
                "description": "attributes_differ",
                "details": {},
            },
            {
                "name": "EntrySynchronizationUpdate",
                "provisioningStepType": "processing",
                "status": "success",
                "description": "attributes differ",
                "details": {},
            },
            {
                "name": "EntryExportUpdate",
                "provisioningStepType": "export",
                "status": "success",
                "description": "",
                "details": {"ReportableIdentifier": "ada@example.com"},
            },
        ],
        "modifiedProperties": [
            {"displayName": "active", "oldValue": "True", "newValue": "False"},
            {"displayName": "name.familyName", "oldValue": "Lovelace", "newValue": "King"},
        ],
        "sourceIdentity": {"id": "id-ada", "displayName": "ada@example.com", "identityType": "User", "details": {}},
        "targetIdentity": {"id": "live-ada", "displayName": "ada@example.com", "identityType": "User", "details": {}},
    }


@pytest.mark.parametrize(
    ("action", "said", "step"),
    [
        (Action.CREATE, "create", "EntryExportAdd"),
        (Action.UPDATE, "update", "EntryExportUpdate"),
        (Action.ADOPT, "update", "EntryExportUpdate"),
        (Action.REACTIVATE, "update", "EntryExportUpdate"),
        (Action.DEACTIVATE, "disable", "EntryExportUpdate"),
        (Action.DELETE, "delete", "EntryExportDelete"),
    ],
)
def test_actions_are_called_as_entra_calls_them(action: Action, said: str, step: str) -> None:
    found = line(Outcome(change("ada", action), Result.DONE))
    assert (found["provisioningAction"], found["provisioningSteps"][-1]["name"]) == (said, step)


@pytest.mark.parametrize(
    ("outcome", "status", "code", "category"),
    [
        (Outcome(ADA, Result.FAILED, "no", status=400), "failure", "UnprocessableEntity", "nonServiceFailure"),
        (Outcome(ADA, Result.FAILED, "no", status=409), "failure", "EntryConflict", "nonServiceFailure"),
        (Outcome(ADA, Result.FAILED, "no", status=503), "failure", "WebExceptionProtocolError", "serviceFailure"),
        (Outcome(ADA, Result.FAILED, "no"), "failure", "WebExceptionProtocolError", "serviceFailure"),
        (Outcome(ADA, Result.UNKNOWN, "no"), "failure", "Timeout", "serviceFailure"),
        (Outcome(ADA, Result.SKIPPED, "no"), "skipped", "EntrySynchronizationSkipped", "nonServiceFailure"),
        (
            Outcome(ADA, Result.NOT_IN_EFFECT, "no"),
            "failure",
            "SystemForCrossDomainIdentityManagementServiceIncompatible",
            "serviceFailure",
        ),
    ],
)
def test_what_went_wrong_has_entras_name(outcome: Outcome, status: str, code: str, category: str) -> None:
    found = line(outcome)["provisioningStatusInfo"]
    assert found["status"] == status
    information = found["errorInformation"]
    assert (information["errorCode"], information["reason"], information["errorCategory"]) == (code, "no", category)
    assert information["recommendedAction"]


def test_refusals_by_status_and_type() -> None:
    assert error_code(400, "uniqueness") == "EntryConflict"
    found = {status: error_code(status, "") for status in (401, 403, 404, 405, 422, 429, 500, 501, 502)}
    assert found == {
        401: "Unauthorized",
        403: "InsufficientRights",
        404: "InvalidAnchor",
        405: "MethodNotAllowed",
        422: "UnprocessableEntity",
        429: "TooManyRequests",
        500: "InternalServerError",
        501: "NotImplemented",
        502: "WebExceptionProtocolError",
    }


def test_what_was_only_planned_is_skipped_and_no_error() -> None:
    found = line(Outcome(ADA, Result.SKIPPED), planned=True)
    assert found["provisioningStatusInfo"] == {"status": "skipped", "errorInformation": None}
    assert found["provisioningSteps"][-1]["details"]["SkipReason"] == "NotCarriedOut"


def test_a_user_who_cannot_be_planned_has_a_line() -> None:
    found = json.loads(format_unplanned(error("a name is missing", "Give one.", None, ADA.address), CYCLE, STAMP))
    assert (found["provisioningAction"], found["sourceIdentity"]["displayName"]) == ("other", ADA.address)
    assert found["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "ImportSkipped"
    assert found["provisioningStatusInfo"]["errorInformation"]["reason"] == "a name is missing. Give one."


SECRET = "Zq9secret"


@pytest.mark.parametrize("result", list(Result))
def test_redacted_there_is_no_value_and_no_name(result: Result) -> None:
    person = change(
        SECRET,
        before={**values_of(SECRET), "title": SECRET},
        after=values_of(SECRET, family=SECRET),
        detail=f"because {SECRET}",
        live_id="live-1",
    )
    cycle = replace(CYCLE, redact=True, person=True, by=SECRET)
    text = format_outcome(Outcome(person, result, f"no {SECRET}", "live-1"), cycle, STAMP)
    text += format_unplanned(error(SECRET, SECRET, None, person.address), cycle, STAMP)
    assert SECRET.casefold() not in text.casefold()
    assert '"[Redact]"' in text
    assert "live-1" in text


@given(st.text(), st.text())
def test_any_user_name_gives_one_harmless_line(name: str, said: str) -> None:
    person = change("ada", before={"userName": name}, after={"userName": name + said}, key=name, detail=said)
    text = format_outcome(Outcome(person, Result.FAILED, said + "\n##[error]"), CYCLE, STAMP)
    assert text.isascii()
    assert text.count("\n") == 1
    assert "##[" not in text
    assert json.loads(text)["provisioningSteps"][-1]["description"] == said + "\n##[error]"
