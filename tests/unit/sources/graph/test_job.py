from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from support.graph_client import Counted, error, make_client, page, scripted

from reconciler.errors import SourceError
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.job import ProvisioningJob, read_job, read_job_schema, read_job_settings
from reconciler.sources.job_settings import JobSettings

APPLICATION = "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
TOKEN = "live-t0ken"
ALLOWED = Counted(roles=["Synchronization.Read.All"])
NEVER = "0001-01-01T00:00:00Z"


def client_of(*answers: httpx.Response) -> tuple[GraphClient, list[httpx.Request]]:
    handler, seen = scripted(*answers)
    return make_client(handler, ALLOWED), seen


def job_row(identity: str = "job-1", template: str = "appleBusinessManager", **more: Any) -> dict[str, Any]:
    schedule = {"state": "Active", "interval": "PT40M"}
    return {"id": identity, "templateId": template, "schedule": schedule, "status": {"code": "Active"}, **more}


# --- the job -------------------------------------------------------------------------------------


def test_the_only_job_is_read() -> None:
    client, seen = client_of(page(job_row(template="other")))
    job = read_job(client, APPLICATION)
    assert job == ProvisioningJob("job-1", APPLICATION, "other", "Active", "Active")
    assert job.is_running
    assert seen[0].url.path == f"/v1.0/servicePrincipals/{APPLICATION}/synchronization/jobs"


def test_a_paused_job_with_graphs_odd_values() -> None:
    quarantine = {"reason": "Unknown", "currentBegan": NEVER, "error": {"code": ""}}
    paused = job_row(schedule={"state": "Disabled"}, status={"code": "Paused", "quarantine": quarantine})
    job = read_job(client_of(page(paused))[0], APPLICATION)
    assert (job.is_running, job.quarantine) == (False, "")


def test_a_job_in_quarantine() -> None:
    status = {"code": "Quarantine", "quarantine": {"reason": "TooManyDeletes"}}
    assert read_job(client_of(page(job_row(status=status)))[0], APPLICATION).quarantine == "TooManyDeletes"


@pytest.mark.parametrize("row", [{"id": "j"}, {"id": "j", "status": 7, "schedule": None, "templateId": ["x"]}])
def test_a_job_is_read_leniently(row: dict[str, Any]) -> None:
    job = read_job(client_of(page(row))[0], APPLICATION)
    assert job == ProvisioningJob("j", APPLICATION)
    assert not job.is_running


def test_of_several_jobs_the_one_for_scim_is_read() -> None:
    rows = page(job_row("a", "AAD2ADGroupProvisioning"), job_row("b", "customappsso"))
    assert read_job(client_of(rows)[0], APPLICATION).id == "b"


def test_several_jobs_for_scim_need_a_choice() -> None:
    rows = job_row("a"), job_row("b", "scim"), job_row("c", "other")
    with pytest.raises(SourceError, match=r"^the enterprise application has 3 provisioning jobs$") as raised:
        read_job(client_of(page(*rows))[0], APPLICATION)
    assert raised.value.detail == 'Choose one with --job: "a", "b", "c".'
    assert read_job(client_of(page(*rows))[0], APPLICATION, "c").id == "c"
    with pytest.raises(SourceError, match=r'has no provisioning job "d"$'):
        read_job(client_of(page(*rows))[0], APPLICATION, "d")


def test_an_application_without_a_job() -> None:
    for rows in ([], [{"templateId": "scim"}]):
        with pytest.raises(SourceError, match=r"has no provisioning job$") as raised:
            read_job(client_of(page(*rows))[0], APPLICATION)
        assert "--with" in raised.value.detail


def test_without_the_permission_nothing_is_asked_for() -> None:
    handler, seen = scripted()
    client = make_client(handler, Counted(roles=["User.Read.All"]))
    for read in (read_job, read_job_settings):
        with pytest.raises(SourceError, match=r"lacks permissions of Microsoft Graph: Synchronization\.Read\.All$"):
            read(client, APPLICATION)
    assert seen == []


def test_the_schema_is_that_of_the_job() -> None:
    schema = {"synchronizationRules": [], "id": "s"}
    client, seen = client_of(httpx.Response(200, json=schema))
    found = read_job_schema(client, ProvisioningJob("apple.1/2", APPLICATION))
    assert json.loads(found) == schema
    assert seen[0].url.raw_path.endswith(b"/synchronization/jobs/apple.1%2F2/schema")


# --- the settings --------------------------------------------------------------------------------


def secret(key: Any, value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def read_settings(*rows: dict[str, Any]) -> JobSettings:
    client, seen = client_of(page(*rows))
    found = read_job_settings(client, APPLICATION)
    assert seen[0].url.path == f"/beta/servicePrincipals/{APPLICATION}/synchronization/secrets"
    return found


def notifications(**values: Any) -> dict[str, Any]:
    return secret("SyncNotificationSettings", json.dumps(values))


def test_settings_are_taken_and_credentials_are_not() -> None:
    found = read_settings(
        secret("SecretToken", TOKEN),
        secret("Oauth2RefreshToken", TOKEN),
        secret("Password", TOKEN),
        secret("syncall", TOKEN),
        secret(7, TOKEN),
        {"value": TOKEN},
        secret("SyncAll", "false"),
        secret("SkipOutOfScopeDeletions", "True"),
        secret("BaseAddress", "https://federation.apple.com/feeds/business/scim?aadOptscim062020"),
        notifications(
            Enabled=True,
            Recipients="ops@x.example; it@x.example,ops@x.example",
            DeleteThresholdEnabled=True,
            DeleteThresholdValue=500,
        ),
    )
    assert found == JobSettings(
        "assigned", True, 500, ("ops@x.example", "it@x.example"), "https://federation.apple.com/feeds/business/scim"
    )
    assert TOKEN not in repr(found)


def test_a_job_that_says_nothing() -> None:
    assert read_settings() == JobSettings()
    assert read_settings(secret("SyncAll", None), secret("BaseAddress", " ")) == JobSettings()


@pytest.mark.parametrize(
    ("values", "threshold", "recipients"),
    [
        ({"DeleteThresholdEnabled": False, "DeleteThresholdValue": 500}, None, ()),
        ({"DeleteThresholdEnabled": "true", "DeleteThresholdValue": 500}, None, ()),
        ({"DeleteThresholdEnabled": True, "DeleteThresholdValue": "7"}, 7, ()),
        ({"Enabled": False, "Recipients": "a@b.example"}, None, ()),
        ({"Enabled": True, "Recipients": ""}, None, ()),
        ({"Recipients": "a@b.example"}, None, ("a@b.example",)),
        ({}, None, ()),
    ],
)
def test_a_threshold_counts_only_if_it_is_switched_on(
    values: dict[str, Any], threshold: int | None, recipients: tuple[str, ...]
) -> None:
    found = read_settings(notifications(**values))
    assert (found.deletion_threshold, found.recipients) == (threshold, recipients)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (secret("SyncAll", TOKEN), "SyncAll of the provisioning job cannot be used: it is neither true nor false"),
        (secret("SyncAll", True), "SyncAll of the provisioning job cannot be used: it is no text"),
        (secret("SkipOutOfScopeDeletions", TOKEN), "is neither true nor false"),
        (secret("BaseAddress", [TOKEN]), "is no text"),
        (secret("BaseAddress", TOKEN * 2000), "is no text, or too long"),
        (secret("SyncNotificationSettings", f"{{{TOKEN}"), "is not JSON"),
        (secret("SyncNotificationSettings", f'["{TOKEN}"]'), "is no JSON object"),
        (notifications(Enabled=True, Recipients=f"{TOKEN}"), "no e-mail addresses"),
        (notifications(Enabled=True, Recipients=[TOKEN]), "no e-mail addresses"),
        (notifications(Recipients=" ".join(f"a{n}@b.example" for n in range(21))), "or too many"),
        (notifications(DeleteThresholdEnabled=True, DeleteThresholdValue=TOKEN), "threshold that is no number"),
        (notifications(DeleteThresholdEnabled=True), "threshold that is no number"),
    ],
)
def test_a_setting_that_cannot_be_read_refuses_the_read_and_is_not_shown(row: dict[str, Any], why: str) -> None:
    with pytest.raises(SourceError) as raised:
        read_settings(row)
    assert why in raised.value.summary
    shown: BaseException | None = raised.value
    while shown is not None:
        assert TOKEN not in repr(shown) + str(shown) + getattr(shown, "detail", "")
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_setting_that_is_there_twice_is_refused() -> None:
    with pytest.raises(SourceError, match="it is there twice"):
        read_settings(secret("SyncAll", "true"), secret("SyncAll", "false"))


def test_a_refusal_of_graph_names_the_permission() -> None:
    client, _ = client_of(error(403, "Authorization_RequestDenied", "no"))
    with pytest.raises(SourceError) as raised:
        read_job_settings(client, APPLICATION)
    assert raised.value.summary.startswith("Microsoft Graph refused page 1 of /servicePrincipals/")
    assert raised.value.detail.startswith("Grant Synchronization.Read.All")
