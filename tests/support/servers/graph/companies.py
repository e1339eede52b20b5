"""Ready tenants: a company of any size, with an application that part of it is assigned to."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.servers.graph.actions_oidc import WorkflowRun
from support.servers.graph.registrations import FederatedCredential
from support.servers.graph.tenant import Job, Tenant

_SCHEMA = Path(__file__).parents[3] / "fixtures" / "entra-apple-business-manager.json"
_GIVEN = "Ada Grace Alan Edsger Barbara Donald Frances Ken Radia Dennis Zoë Jürgen Łukasz Nguyễn 美咲".split()
_FAMILY = (
    "Lovelace Hopper Turing Dijkstra Liskov Knuth Allen Thompson Perlman Ritchie O'Hara Müller Żak Trần 佐藤".split()
)
_DEPARTMENTS = "Engineering Finance Sales Support Legal".split()
PLANTED_TOKEN = "planted-live-token-never-to-be-read"
"""In the values of secrets that no client may keep, print or write."""
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Company:
    tenant: Tenant
    application: str
    """Object id of the enterprise application."""
    staff: str
    """Object id of the assigned group."""
    users: list[str]
    """Object ids: the first is everybody's manager, and assigned directly; the others are in the group."""
    job: str


def company(size: int, *, seed: int = 1) -> Company:
    """Build a company of `size` people, one at least, all of them assigned."""
    tenant = Tenant(seed=seed)
    chance = random.Random(seed)  # noqa: S311 - the same people each time
    tenant.app.federated = [
        FederatedCredential(WorkflowRun(immutable=immutable).subject) for immutable in (False, True)
    ]
    users: list[str] = []
    for number in range(size):
        boss = users[0] if users else None
        users.append(tenant.add_user(f"user{number:06}@contoso.com", manager=boss, **_person(number, chance)))
    tenant.domains.append("contoso.com")
    staff = tenant.add_group("Staff", users[1:], description="Everyone at Contoso")
    application = tenant.add_application()
    tenant.assign(application, users[0])
    tenant.assign(application, staff)
    return Company(tenant, application, staff, users, add_job(tenant, application))


def _person(number: int, chance: random.Random) -> dict[str, Any]:
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    return {
        "givenName": given,
        "surname": family,
        "displayName": f"{given} {family}",
        "mail": f"user{number:06}@contoso.com",
        "mailNickname": f"user{number:06}",
        "employeeId": f"{number:06}",
        "department": chance.choice(_DEPARTMENTS),
        "jobTitle": "Engineer",
        "employeeOrgData": {"costCenter": f"{number % 100:04}", "division": "EMEA"},
        "preferredLanguage": "en-US",
    }


def add_job(tenant: Tenant, application: str) -> str:
    """Give the application a provisioning job as of Apple Business Manager, with secrets; return the job's id."""
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    job = f"appleBusinessManager.{tenant.id.replace('-', '')}.{application}"
    tenant.jobs[application].append(Job(job, _job_document(job), {**schema, "id": job}))
    settings = {
        "Enabled": True,
        "Recipients": "ops@contoso.com",
        "DeleteThresholdEnabled": True,
        "DeleteThresholdValue": 500,
    }
    values = {
        "BaseAddress": "https://federation.apple.com/feeds/business/scim?aadOptscim062020",
        "SecretToken": PLANTED_TOKEN,
        "Oauth2AccessToken": PLANTED_TOKEN,
        "Oauth2RefreshToken": PLANTED_TOKEN,
        "Oauth2ClientSecret": PLANTED_TOKEN,
        "Password": PLANTED_TOKEN,
        "SyncAll": "false",
        "SkipOutOfScopeDeletions": "False",
        "SyncNotificationSettings": json.dumps(settings),
    }
    tenant.secrets[application] = [{"key": key, "value": value} for key, value in values.items()]
    return job


def _job_document(job: str) -> dict[str, Any]:
    execution = {
        "activityIdentifier": "00000000-0000-4000-8000-00000000abcd",
        "countEntitled": 1,
        "countExported": 1,
        "countImported": 1,
        "state": "Succeeded",
        "timeBegan": "2026-11-28T07:59:00Z",
        "timeEnded": "2026-11-28T08:00:00Z",
    }
    quarantine = {
        "currentBegan": NEVER,
        "error": None,
        "nextAttempt": NEVER,
        "reason": "Unknown",
        "seriesBegan": NEVER,
        "seriesCount": 0,
    }
    return {
        "id": job,
        "templateId": "appleBusinessManager",
        "schedule": {"expiration": None, "interval": "PT40M", "state": "Active"},
        "status": {
            "code": "Active",
            "countSuccessiveCompleteFailures": 0,
            "escrowsPruned": False,
            "lastExecution": execution,
            "lastSuccessfulExecution": execution,
            "lastSuccessfulExecutionWithExports": execution,
            "progress": [],
            "quarantine": quarantine,
            "steadyStateFirstAchievedTime": "2026-11-02T08:00:00Z",
            "steadyStateLastAchievedTime": "2026-11-28T08:00:00Z",
            "synchronizedEntryCountByType": [{"key": "User to urn:ietf:params:scim:schemas:core:2.0:User", "value": 1}],
            "troubleshootingUrl": None,
        },
        "synchronizationJobSettings": [{"name": "QuarantineTooManyDeletesThreshold", "value": "500"}],
    }


def pause(document: dict[str, Any]) -> None:
    """Make a job's document that of a paused job, with Graph's odd values."""
    document["schedule"] = {"expiration": None, "interval": "P10675199DT2H48M5.4775807S", "state": "Disabled"}
    document["status"]["code"] = "Paused"
    document["status"]["quarantine"] = {
        "currentBegan": NEVER, "error": {"code": "", "message": "", "tenantActionable": False}, "nextAttempt": NEVER,
        "reason": "Unknown", "seriesBegan": NEVER, "seriesCount": 0,
    }  # fmt: skip


def log_provisioning(
    tenant: Tenant, job: str, user: str, target: str, *, action: str = "create", status: str = "success"
) -> None:
    """Add an event to the provisioning log: the account `target` of the service is that of the user."""
    entry = tenant.objects[user]
    name = entry.properties.get("userPrincipalName")
    tenant.provisioning_log.append(
        {
            "id": f"{len(tenant.provisioning_log) + 1:08x}-0000-4000-8000-000000000000",
            "activityDateTime": tenant.now(),
            "tenantId": tenant.id,
            "jobId": job,
            "cycleId": "00000000-0000-4000-8000-00000000c1c1",
            "changeId": "00000000-0000-4000-8000-00000000c2c2",
            "durationInMilliseconds": 120,
            "provisioningAction": action,
            "provisioningStatusInfo": {"status": status, "errorInformation": None},
            "sourceIdentity": {"id": user, "displayName": name, "identityType": "User", "details": {}},
            "targetIdentity": {"id": target, "displayName": name, "identityType": "User", "details": {}},
            "provisioningSteps": [
                {"name": "EntryImport", "provisioningStepType": "import", "status": "success",
                 "description": f"Received User '{name}' change of type (Add)", "details": {}},
            ],
            "modifiedProperties": [{"displayName": "userName", "oldValue": None, "newValue": name}],
        }
    )  # fmt: skip
