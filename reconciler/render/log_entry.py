"""Format entries of the structured log, in the schema of Entra's provisioning log. Pure.

docs/log.md describes the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.model import Diagnostic, Target, Value
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.core.text import to_ascii_json

_HIDDEN = "[Redact]"
"""The output of Entra's own Redact function."""
_ACTIONS = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.ADOPT: "update",
    Action.RELINK: "update",
    Action.REACTIVATE: "update",
    Action.DEACTIVATE: "disable",
    Action.DELETE: "delete",
}
_STEPS = {"create": "Add", "update": "Update", "disable": "Update", "delete": "Delete", "other": "Update"}
_STATUS = {Result.DONE: "success", Result.SKIPPED: "skipped"}
_BY_STATUS = {
    401: "Unauthorized",
    403: "InsufficientRights",
    404: "InvalidAnchor",
    405: "MethodNotAllowed",
    409: "EntryConflict",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "NotImplemented",
}
_CLIENT_ERRORS = range(400, 500)
_ADVICE = {
    "EntryConflict": "Find the account that has this name or externalId, and change one of the two.",
    "TooManyRequests": "Nothing to do: the next run tries again.",
    "Timeout": "Nothing to do: the next run checks whether it took effect.",
    "ImportSkipped": "Fix the user in the desired state.",
    "EntrySynchronizationSkipped": "See the reason; the next run tries again.",
    "InsufficientRights": "Check the token and its permissions.",
    "Unauthorized": "Check the token and its permissions.",
}


@dataclass(frozen=True, slots=True)
class Cycle:
    """The values that all entries of a run share. `by`: who started it; `person`: a human confirmed it."""

    cycle_id: str
    job_id: str
    target: Target
    title: str
    commit: str | None
    by: str
    person: bool
    redact: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """The values that differ in each entry."""

    identity: str
    change_id: str
    time: datetime


def format_outcome(outcome: Outcome, cycle: Cycle, stamp: Stamp, *, planned: bool = False) -> str:
    """Format the entry of one change. `planned`: it was not applied."""
    change, action = outcome.change, _ACTIONS[outcome.change.action]
    status = _STATUS.get(outcome.result, "failure")
    failure = None if outcome.result is Result.DONE or planned else _error_of(outcome, cycle)
    return _line(
        {
            **_head(cycle, stamp, action),
            "durationInMilliseconds": round(outcome.seconds * 1000),
            "provisioningStatusInfo": {"status": status, "errorInformation": failure},
            "provisioningSteps": _steps(outcome, action, status, cycle, planned=planned),
            "modifiedProperties": [
                _property(row.path, row.before, row.after, cycle) for row in change.attribute_changes()
            ],
            "sourceIdentity": _identity(change.after.get("externalId"), change.key, cycle),
            "targetIdentity": {
                **_identity(None, _name(change), cycle),
                # The id of the service identifies no human.
                "id": outcome.live_id or change.live_id or "",
            },
        }
    )


def format_unplanned(item: Diagnostic, cycle: Cycle, stamp: Stamp) -> str:
    """Format the entry of one user who could not be planned."""
    reason = item.summary if not item.detail else f"{item.summary}. {item.detail}"
    error = _error("ImportSkipped", reason, "nonServiceFailure", cycle)
    origin = {"Origin": str(item.origin or "")}
    step = _step("EntryImport", "import", "failure", cycle, text=item.summary, details=origin)
    return _line(
        {
            **_head(cycle, stamp, "other"),
            "durationInMilliseconds": 0,
            "provisioningStatusInfo": {"status": "failure", "errorInformation": error},
            "provisioningSteps": [step],
            "modifiedProperties": [],
            "sourceIdentity": _identity(None, item.address or "", cycle),
            "targetIdentity": _identity(None, "", cycle),
        }
    )


def _line(content: Mapping[str, Any]) -> str:
    return to_ascii_json(content, separators=(",", ":")) + "\n"


def _head(cycle: Cycle, stamp: Stamp, action: str) -> dict[str, Any]:
    service = {"id": cycle.job_id, "displayName": cycle.title}
    return {
        "id": stamp.identity,
        "activityDateTime": stamp.time.isoformat(),
        "tenantId": "",
        "jobId": cycle.job_id,
        "cycleId": cycle.cycle_id,
        "changeId": stamp.change_id,
        "provisioningAction": action,
        "initiatedBy": {
            "id": "",
            "displayName": _HIDDEN if cycle.redact and cycle.person else cycle.by,
            "initiatorType": "user" if cycle.person else "system",
        },
        "servicePrincipal": service,
        "sourceSystem": {"id": cycle.commit or "", "displayName": "Reconciler desired state", "details": {}},
        "targetSystem": {**service, "details": cycle.target.document},
    }


def _steps(outcome: Outcome, action: str, status: str, cycle: Cycle, *, planned: bool) -> list[dict[str, Any]]:
    change, verb = outcome.change, _STEPS[action]
    export: dict[str, str] = {"ReportableIdentifier": _name(change)}
    if status == "skipped":
        export["SkipReason"] = "NotCarriedOut" if planned else outcome.message
    return [
        _step("EntryImport", "import", "success", cycle),
        # An enumeration, so it contains no name.
        {**_step("EntrySynchronizationScoping", "scoping", "success", cycle), "description": change.reason.value},
        _step(f"EntrySynchronization{verb}", "processing", "success", cycle, text=change.detail),
        _step(f"EntryExport{verb}", "export", status, cycle, text=outcome.message, details=export),
    ]


def _step(
    name: str, kind: str, status: str, cycle: Cycle, *, text: str = "", details: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": _HIDDEN if cycle.redact and text else text,
        "details": dict.fromkeys(details or {}, _HIDDEN) if cycle.redact else dict(details or {}),
    }


def _error_of(outcome: Outcome, cycle: Cycle) -> dict[str, str]:
    category = "nonServiceFailure"
    match outcome.result:
        case Result.SKIPPED:
            code = "EntrySynchronizationSkipped"
        case Result.UNKNOWN:
            code, category = "Timeout", "serviceFailure"
        case Result.NOT_IN_EFFECT:
            code, category = "SystemForCrossDomainIdentityManagementServiceIncompatible", "serviceFailure"
        case _:
            code = error_code(outcome.status, outcome.scim_type)
            category = category if outcome.status in _CLIENT_ERRORS else "serviceFailure"
    return _error(code, outcome.message, category, cycle)


def error_code(status: int | None, scim_type: str) -> str:
    """Return Entra's error code for an HTTP status and scimType (RFC 7644 §3.12)."""
    if scim_type == "uniqueness":
        return "EntryConflict"
    if status is None:
        return "WebExceptionProtocolError"
    usual = "UnprocessableEntity" if status in _CLIENT_ERRORS else "WebExceptionProtocolError"
    return _BY_STATUS.get(status, usual)


def _error(code: str, reason: str, category: str, cycle: Cycle) -> dict[str, str]:
    return {
        "errorCode": code,
        "reason": _HIDDEN if cycle.redact else reason,
        "additionalDetails": "",
        "errorCategory": category,
        "recommendedAction": _ADVICE.get(code, "See the reason."),
    }


def _property(path: str, before: Value | None, after: Value | None, cycle: Cycle) -> dict[str, str | None]:
    return {"displayName": path, "oldValue": _text(before, cycle), "newValue": _text(after, cycle)}


def _text(value: Value | None, cycle: Cycle) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value)
    return _HIDDEN if cycle.redact else value


def _identity(identity: Value | None, name: str, cycle: Cycle) -> dict[str, Any]:
    hide = cycle.redact
    return {
        "id": _HIDDEN if hide and identity else str(identity or ""),
        "displayName": _HIDDEN if hide and name else name,
        "identityType": "User",
        "details": {},
    }


def _name(change: Change) -> str:
    return str(change.after.get("userName") or change.before.get("userName") or change.key)
