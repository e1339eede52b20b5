"""Render the health of a target's applies as JSON, with its published schema.

Where Entra's synchronizationStatus has a name for it, that name is used.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from reconciler.apply.quarantine import FailingUser, QuarantineState
from reconciler.core.expiry import (
    ConnectionCredential,
    CredentialKind,
    DateSource,
    ExpiryLevel,
    ExpiryTopic,
    count_days_left,
)
from reconciler.core.plan import Result
from reconciler.core.text import redact_quoted
from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.plan_document import StrictDocument, TargetDocument
from reconciler.record.runs import ApplyRun, Quarantine
from reconciler.render.status import Status, list_failing_users
from reconciler.render.style import HIDDEN, Style

FORMAT_VERSION = "1.2"


class ProvisioningState(StrictDocument):
    """`provisioning` of settings.yaml."""

    enabled: bool
    reason: str | None
    since: AwareDatetime | None = Field(description="When the commit that switched it off was made, if git knows")


class ExecutionDocument(StrictDocument):
    """One apply on record."""

    activityIdentifier: str = Field(description="Id of its plan")  # noqa: N815
    state: Literal["Succeeded", "EntryLevelErrors", "Failed"] = Field(
        description="EntryLevelErrors: it ended, and some users failed. Failed: it was interrupted or did not end"
    )
    timeBegan: AwareDatetime  # noqa: N815
    timeEnded: AwareDatetime | None  # noqa: N815
    countExported: int = Field(ge=0, description="Changes that were made")  # noqa: N815
    countEscrowed: int = Field(ge=0, description="Changes that failed")  # noqa: N815
    countSkipped: int = Field(ge=0)  # noqa: N815
    countLeft: int = Field(ge=0, description="Changes that were not started")  # noqa: N815


class UnappliedCommitDocument(StrictDocument):
    """A commit that changed the desired state and is not applied."""

    id: str
    pullRequest: str | None = Field(description="Its number")  # noqa: N815
    time: AwareDatetime


class UnappliedDocument(StrictDocument):
    """What was committed after the last complete apply."""

    since: str | None = Field(description="Commit of that apply")
    timeApplied: AwareDatetime  # noqa: N815
    count: int | None = Field(ge=0, description="null: it is not known, `reason` says why")
    reason: str | None
    commits: list[UnappliedCommitDocument] = Field(description="At most 20")


class QuarantineCause(StrictDocument):
    """Why."""

    message: str = Field(description="It may quote the service; names of users are hidden with --redact")


class QuarantineDocument(StrictDocument):
    """The quarantine of the target."""

    reason: str
    currentBegan: AwareDatetime = Field(description="The last run that ended in it")  # noqa: N815
    seriesBegan: AwareDatetime  # noqa: N815
    seriesCount: int = Field(ge=1, description="Runs in a row")  # noqa: N815
    nextAttempt: AwareDatetime  # noqa: N815
    error: QuarantineCause


class FirstUseDocument(StrictDocument):
    """A token that nothing shows to be used."""

    daysLeft: int = Field(description="Negative: since then")  # noqa: N815
    level: ExpiryLevel


class CredentialDocument(StrictDocument):
    """A credential of the connection, without its value."""

    kind: CredentialKind
    expires: date | None
    daysLeft: int | None = Field(description="Negative: since it expired")  # noqa: N815
    stage: int | None = Field(description="The threshold of days that was reached last; null before the first")
    level: ExpiryLevel | None
    source: DateSource
    origin: str | None = Field(description="file:line:column of the date")
    firstUse: FirstUseDocument | None  # noqa: N815


class EscrowDocument(StrictDocument):
    """A user whose change keeps failing."""

    address: str
    action: str
    count: int = Field(ge=1)
    firstSeen: AwareDatetime  # noqa: N815
    lastSeen: AwareDatetime  # noqa: N815
    nextAttempt: AwareDatetime  # noqa: N815
    message: str


class StatusDocument(StrictDocument):
    """The result of `reconciler status --format json`."""

    format_version: str = Field(pattern=r"^1\.\d+$")
    target: TargetDocument
    healthy: bool
    health: Literal["healthy", "unhealthy", "unknown"] = Field(description="unknown: no apply is on record")
    code: Literal["Active", "NotRun", "Paused", "Quarantine"]
    provisioning: ProvisioningState
    running: str | None = Field(description="The apply that is running on this machine")
    runs: int = Field(ge=0, description="Applies on record")
    lastExecution: ExecutionDocument | None  # noqa: N815
    lastSuccessfulExecution: ExecutionDocument | None  # noqa: N815
    notApplied: UnappliedDocument | None = Field(description="null: no complete apply of a commit is on record")  # noqa: N815
    quarantine: QuarantineDocument | None
    credentials: list[CredentialDocument]
    escrows: list[EscrowDocument] = Field(description="Users whose changes keep failing, the most frequent first")


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of the status."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **StatusDocument.model_json_schema()}


def status_document(status: Status, style: Style) -> dict[str, Any]:
    """Return the status as plain data, with Entra's names where it has one; `escrows` are the failing users."""
    health = status.health
    return {
        "format_version": FORMAT_VERSION,
        "target": status.target.document,
        "healthy": status.healthy,
        "health": status.verdict,
        "code": _code(status),
        "provisioning": _provisioning_document(status, style),
        "running": status.running if not style.redact else (HIDDEN if status.running else None),
        "runs": health.runs,
        "lastExecution": _execution(health.last),
        "lastSuccessfulExecution": _execution(health.last_success),
        "notApplied": _unapplied_document(status.unapplied),
        "quarantine": _quarantine_document(status.quarantine, style),
        "credentials": [_credential_document(each, status) for each in status.credentials],
        "escrows": [_escrow(failing, style) for failing in list_failing_users(health)],
    }


def _code(status: Status) -> str:
    if status.quarantine is not None:
        return "Quarantine"
    if not status.provisioning.enabled:
        return "Paused"
    return "Active" if status.health.last is not None else "NotRun"


def _provisioning_document(status: Status, style: Style) -> dict[str, Any]:
    reason, since = status.provisioning.reason or None, status.off_since
    return {
        "enabled": status.provisioning.enabled,
        "reason": HIDDEN if reason is not None and style.redact else reason,
        "since": since.isoformat() if since is not None else None,
    }


def _execution(run: ApplyRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "activityIdentifier": run.plan_id,
        "state": {"complete": "Succeeded" if run.successful else "EntryLevelErrors"}.get(run.how, "Failed"),
        "timeBegan": run.began.isoformat(),
        "timeEnded": run.ended.isoformat() if run.ended is not None else None,
        "countExported": run.count(Result.DONE),
        "countEscrowed": run.failed,
        "countSkipped": run.skipped,
        "countLeft": run.left,
    }


def _unapplied_document(found: UnappliedCommits | None) -> dict[str, Any] | None:
    """Return the commits that are not applied; `count` is null if they are not known."""
    if found is None:
        return None
    return {
        "since": found.last.commit,
        "timeApplied": found.last.began.isoformat(),
        "count": None if found.why else found.count,
        "reason": found.why or None,
        "commits": [
            {"id": commit.id, "pullRequest": commit.pull_request, "time": commit.when.isoformat()}
            for commit in found.commits
        ],
    }


def _quarantine_document(state: QuarantineState | None, style: Style) -> dict[str, Any] | None:
    if state is None:
        return None
    why: Quarantine = state.why
    return {
        "reason": why.reason,
        "currentBegan": state.last.isoformat(),
        "seriesBegan": state.began.isoformat(),
        "seriesCount": state.count,
        "nextAttempt": state.next_attempt.isoformat(),
        "error": {"message": redact_quoted(why.message) if style.redact else why.message},
    }


def _credential_document(credential: ConnectionCredential, status: Status) -> dict[str, Any]:
    """Return one credential; `stage`: the threshold of days that was reached last, null before the first one."""
    found = {each.topic: each for each in status.expiry if each.credential is credential}
    end, first_use = found.get(ExpiryTopic.END), found.get(ExpiryTopic.FIRST_USE)
    return {
        "kind": credential.kind,
        "expires": credential.expires.isoformat() if credential.expires is not None else None,
        "daysLeft": count_days_left(credential, status.today),
        "stage": end.stage if end is not None else None,
        "level": end.level if end is not None else None,
        "source": credential.source,
        "origin": str(credential.origin) if credential.origin is not None else None,
        "firstUse": {"daysLeft": first_use.days_left, "level": first_use.level} if first_use is not None else None,
    }


def _escrow(failing: FailingUser, style: Style) -> dict[str, Any]:
    return {
        "address": HIDDEN if style.redact else failing.address,
        "action": failing.action,
        "count": failing.count,
        "firstSeen": failing.first.isoformat(),
        "lastSeen": failing.last.isoformat(),
        "nextAttempt": failing.next_attempt.isoformat(),
        "message": HIDDEN if style.redact else failing.message,
    }
