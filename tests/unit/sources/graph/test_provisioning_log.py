from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.graph_client import Counted, make_client, page, scripted

from reconciler.errors import SourceError
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.job import ProvisioningJob
from reconciler.sources.graph.provisioning_log import Pacer, read_links

JOB = ProvisioningJob("job'1", "app")
SINCE = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
LOG = "https://graph.microsoft.com/v1.0/auditLogs/provisioning"
ALLOWED = Counted(roles=["AuditLog.Read.All"])
ADA = "3F1C9A52-6C1E-4A43-9E3F-0B6F4F0F6A11"


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "jobId": JOB.id,
        "activityDateTime": f"2026-11-{number:02}T08:00:00Z",
        "provisioningAction": "Create",
        "provisioningStatusInfo": {"status": "success"},
        "sourceIdentity": {"id": ADA, "identityType": "User"},
        "targetIdentity": {"id": f"GN-{number}", "identityType": "User"},
        **more,
    }


def read(*pages: Any) -> dict[str, str]:
    handler, _ = scripted(*pages)
    table = read_links(make_client(handler, ALLOWED), JOB, SINCE, pacer=Pacer(sleep=lambda _seconds: None))
    return {user: event.target_id for user, event in table.links.items()}


def test_links_are_read_from_all_pages_of_the_job_in_the_window() -> None:
    handler, seen = scripted(page(row(3), nextLink=f"{LOG}?$skiptoken=a"), page(row(2)))
    progress: list[int] = []
    client = make_client(handler, ALLOWED)
    table = read_links(client, JOB, SINCE, pacer=Pacer(sleep=lambda _seconds: None), progress=progress.append)
    assert {user: event.target_id for user, event in table.links.items()} == {ADA.casefold(): "GN-3"}
    assert seen[0].url.params["$filter"] == "jobId eq 'job''1' and activityDateTime gt 2026-11-01T08:30:00Z"
    assert progress == [1, 2]


@pytest.mark.parametrize("action", ["stagedDelete", "stageddelete", "StagedDelete"])
def test_actions_are_compared_in_any_case(action: str) -> None:
    handler, _ = scripted(page(row(1), row(2, provisioningAction=action)))
    table = read_links(make_client(handler, ALLOWED), JOB, SINCE)
    assert [event.action for event in table.links.values()] == ["stageddelete"]
    assert read(page(row(1), row(2, provisioningAction="DELETE", targetIdentity={"id": "GN-1"}))) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"provisioningStatusInfo": {"status": "failure"}},
        {"provisioningStatusInfo": {"status": "skipped"}},
        {"provisioningStatusInfo": None},
        {"sourceIdentity": {"id": ADA, "identityType": "Group"}},
        {"sourceIdentity": {"id": "", "identityType": "User"}},
        {"sourceIdentity": None},
        {"targetIdentity": {"id": ""}},
        {"targetIdentity": {"id": "../admin"}},
        {"targetIdentity": ["x"]},
        {"activityDateTime": "yesterday"},
        {"activityDateTime": None},
    ],
)
def test_events_that_prove_no_link(more: dict[str, Any]) -> None:
    assert read(page(row(1, **more))) == {}


def test_events_of_another_job_show_that_the_filter_is_ignored() -> None:
    with pytest.raises(SourceError, match="ignores the filter"):
        read(page(row(1), row(2, jobId="job-2")))


def test_permissions_are_checked_first() -> None:
    handler, seen = scripted()
    client: GraphClient = make_client(handler, Counted(roles=["Directory.Read.All"]))
    with pytest.raises(SourceError, match=r"lacks permissions of Microsoft Graph: AuditLog\.Read\.All$"):
        read_links(client, JOB, SINCE)
    assert seen == []


def test_five_requests_are_sent_in_ten_seconds() -> None:
    now = 0.0
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pacer = Pacer(sleep=sleep, clock=lambda: now)
    for _ in range(23):
        pacer.wait()
        sent.append(now)
        now += 0.1
    for start in sent:
        assert sum(start <= moment < start + 10 for moment in sent) <= 5
    assert sent[-1] == pytest.approx(40.2, abs=0.5)


def test_pages_are_paced() -> None:
    slept: list[float] = []
    pages = [page(row(n), nextLink=f"{LOG}?{n}") for n in range(1, 7)]
    handler, _ = scripted(*pages, page(row(7)))
    pacer = Pacer(sleep=slept.append, clock=lambda: 0.0)
    read_links(make_client(handler, ALLOWED), JOB, SINCE - timedelta(days=1), pacer=pacer)
    assert slept == [10.0] * 3
