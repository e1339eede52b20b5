"""The JSON form of a plan: versioned, with a published schema, in the shape of Terraform's `resource_changes`.

It is what `--format json` prints and what a plan file holds. Reading it back gives the same plan.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from reconciler.core.model import Attributes, Diagnostic, Origin, Severity, Target
from reconciler.core.plan import Action, ActionReason, Attribution, Base, Change, Drift, Guard, LaterEdit, Plan, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning.attribution import changes_attributed_to
from reconciler.core.text import to_ascii_json
from reconciler.errors import PlanFileError
from reconciler.record.redaction import Redactor

FORMAT_VERSION = "1.0"

Value = str | bool
_DIGITS = 10
"""No file has a line of more digits."""
_ACTIONS: dict[Action, list[str]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.ADOPT: ["update"],
    Action.REACTIVATE: ["update"],
    Action.DEACTIVATE: ["update"],
    Action.DELETE: ["delete"],
}
"""In Terraform's words, so that policy tools understand them."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetDocument(_Document):
    """The service the plan is about."""

    profile: str
    base_url: str


class ChangeValues(_Document):
    """Flat attribute paths; `before` is null for a create, `after` for a delete."""

    actions: list[str]
    before: dict[str, Value] | None
    after: dict[str, Value] | None


class ResourceChange(_Document):
    """One planned action on one user."""

    address: str
    key: str = Field(description="userPrincipalName, or the live userName of a user who is not in the desired state")
    id: str | None = Field(description="The service's id, null before a create")
    action: Action
    action_reason: ActionReason
    detail: str = Field(description="The reason in words")
    origin: str | None = Field(description="file:line:column in the desired state")
    change: ChangeValues
    temporary_user_name: str | None
    requires: list[str]
    wave: int
    attribution: Attribution | None = Field(
        default=None,
        description="Whose doing it is: this_change_set or already_pending of a plan that was compared with a base; "
        "edited_in_target, not_applied or untold of drift",
    )
    pending_attributes: list[str] = Field(
        default=[],
        description="Of a change of this change set, the attributes that were to change already; of one that is "
        "edited_in_target, those that were not edited but not applied",
    )
    history: list[str] = Field(default=[], description="Of drift, what the record says of it: a sentence each")


class LaterEditDocument(_Document):
    """What the change set writes about one user without an effect today."""

    address: str
    key: str
    detail: str


class DiagnosticDocument(_Document):
    """A mistake in somebody's data."""

    severity: Severity
    summary: str
    detail: str
    file: str | None
    line: int | None
    column: int | None
    address: str | None
    source_line: str | None


class GuardDocument(_Document):
    """A guard's verdict."""

    name: str
    passed: bool
    message: str
    approvable: bool
    approved: bool


class Counts(_Document):
    """Numbers of users by action."""

    create: int
    update: int
    adopt: int
    reactivate: int
    deactivate: int
    delete: int


class Summary(Counts):
    """Numbers of users by what happens to them."""

    unchanged: int
    unmanaged: int
    failed: int
    kept: int
    withheld: int
    managed: int
    this_change_set: Counts | None = Field(default=None, description="Null when it was compared with no base")
    already_pending: Counts | None = None
    edited_in_target: Counts | None = Field(default=None, description="Null when it does not tell drift")
    not_applied: Counts | None = None
    untold: Counts | None = None


class BaseDocument(_Document):
    """The commit that the plan was compared with: the merge base of `ref` and HEAD."""

    ref: str
    commit: str
    offline: bool = Field(description="Compared with that commit only, not with live users: it cannot be applied")


class DriftDocument(_Document):
    """The last apply on record before a plan that tells drift; all null: there is none."""

    began: AwareDatetime | None
    plan_id: str | None
    commit: str | None
    unmanaged: int | None = Field(description="Live accounts that were not managed when it was planned")


class PlanDocument(_Document):
    """A plan of Reconciler."""

    format_version: Literal["1.0"]
    reconciler_version: str
    plan_id: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    created_at: AwareDatetime
    expires_at: AwareDatetime
    commit: str | None
    config_digest: str
    base: BaseDocument | None = Field(default=None, description="Null without --base")
    drift: DriftDocument | None = Field(default=None, description="Null when it does not tell drift")
    target: TargetDocument
    complete: bool = Field(description="Whether all live users could be read")
    applyable: bool
    summary: Summary
    guards: list[GuardDocument]
    notes: list[str] = Field(default=[], description="What is different from the base besides users")
    diagnostics: list[DiagnosticDocument]
    resource_changes: list[ResourceChange]
    no_longer_pending: list[ResourceChange] = Field(
        default=[], description="What the base's plan does to users to whom this one does nothing"
    )
    changes_nothing_today: list[LaterEditDocument] = Field(
        default=[], description="Dates to come, and people who come or go without being in scope"
    )
    values: Literal["full", "digest"] = Field(
        default="full", description="digest: a plan of the record, with digests of names and values; not to be applied"
    )


def to_json(plan: Plan) -> str:
    """The document, indented, with a final newline; same plan, same bytes."""
    return json_text(to_document(plan)) + "\n"


def to_record(plan: Plan, redactor: Redactor) -> str:
    """The document as a record keeps it, behind `veil`."""
    if redactor.key is None:
        return to_json(plan)
    redacted = replace(
        plan,
        changes=tuple(_redact_change(change, redactor) for change in plan.changes),
        notes=tuple(map(redactor.text, plan.notes)),
        no_longer_pending=tuple(_redact_change(change, redactor) for change in plan.no_longer_pending),
        changes_nothing_today=tuple(
            LaterEdit(redactor.name(edit.key), redactor.text(edit.detail)) for edit in plan.changes_nothing_today
        ),
        # A branch is often called after whom it is about.
        base=replace(plan.base, ref=plan.base.commit) if plan.base is not None else None,
        guards=tuple(replace(guard, message=redactor.text(guard.message)) for guard in plan.guards),
        diagnostics=tuple(_redact_diagnostic(item, redactor) for item in plan.diagnostics),
    )
    document = to_document(redacted)
    listed: dict[str, Sequence[Change | LaterEdit]] = {
        "resource_changes": plan.changes,
        "no_longer_pending": plan.no_longer_pending,
        "changes_nothing_today": plan.changes_nothing_today,
    }
    for key, items in listed.items():
        for item, found in zip(items, document[key], strict=True):
            found["address"] = redactor.address(item.address)
    return json_text({**document, "values": "digest"}) + "\n"


def _redact_change(change: Change, redactor: Redactor) -> Change:
    temporary = change.temporary_user_name
    return replace(
        change,
        key=redactor.name(change.key),
        detail=redactor.text(change.detail),
        history=tuple(map(redactor.text, change.history)),
        before=redactor.values(change.address, change.before),
        after=redactor.values(change.address, change.after),
        temporary_user_name=redactor.name(temporary) if temporary is not None else None,
        requires=tuple(redactor.addresses(change.requires)),
    )


def _redact_diagnostic(item: Diagnostic, redactor: Redactor) -> Diagnostic:
    return replace(
        item,
        summary=redactor.text(item.summary),
        detail=redactor.text(item.detail),
        address=redactor.address(item.address) if item.address is not None else None,
        source_line=None,
    )


def json_text(content: Any) -> str:
    """JSON that is safe to print: no control characters, and nothing that GitHub's runner takes for a command."""
    return to_ascii_json(content, indent=2)


def to_document(plan: Plan) -> dict[str, Any]:
    """The document as plain data, in the order of `PlanDocument`."""
    return {
        "format_version": FORMAT_VERSION,
        "reconciler_version": plan.reconciler_version,
        "plan_id": plan.plan_id,
        "created_at": plan.created_at.isoformat(),
        "expires_at": plan.expires_at.isoformat(),
        "commit": plan.commit,
        "config_digest": plan.config_digest,
        "base": _base(plan.base),
        "drift": _drift(plan.drift),
        "target": {"profile": plan.target.profile, "base_url": plan.target.base_url},
        "complete": plan.complete,
        "applyable": plan.applyable,
        "summary": _summary(plan),
        "guards": [
            {
                "name": guard.name,
                "passed": guard.passed,
                "message": guard.message,
                "approvable": guard.approvable,
                "approved": guard.approved,
            }
            for guard in plan.guards
        ],
        "notes": list(plan.notes),
        "diagnostics": [diagnostic_document(item) for item in plan.diagnostics],
        "resource_changes": [_change(change) for change in plan.changes],
        "no_longer_pending": [_change(change) for change in plan.no_longer_pending],
        "changes_nothing_today": [_later(edit) for edit in plan.changes_nothing_today],
        "values": "full",
    }


def _base(base: Base | None) -> dict[str, Any] | None:
    return None if base is None else {"ref": base.ref, "commit": base.commit, "offline": base.offline}


def _drift(drift: Drift | None) -> dict[str, Any] | None:
    if drift is None:
        return None
    began = drift.began.isoformat() if drift.began is not None else None
    return {"began": began, "plan_id": drift.plan_id, "commit": drift.commit, "unmanaged": drift.unmanaged}


def _summary(plan: Plan) -> dict[str, Any]:
    tally = plan.tally
    compared = {Attribution.THIS_CHANGE_SET: plan.base, Attribution.ALREADY_PENDING: plan.base}
    return {
        **_counts(plan.changes),
        "unchanged": tally.unchanged,
        "unmanaged": tally.unmanaged,
        "failed": tally.failed,
        "kept": tally.kept,
        "withheld": tally.withheld,
        "managed": tally.managed,
        **{
            each.value: _counts(changes_attributed_to(plan, each))
            if compared.get(each, plan.drift) is not None
            else None
            for each in Attribution
        },
    }


def _counts(changes: Sequence[Change]) -> dict[str, int]:
    return {action.value: sum(change.action is action for change in changes) for action in Action}


def diagnostic_document(item: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain data."""
    origin = item.origin
    return {
        "severity": item.severity.value,
        "summary": item.summary,
        "detail": item.detail,
        "file": origin.file if origin else None,
        "line": origin.line if origin else None,
        "column": origin.column if origin else None,
        "address": item.address,
        "source_line": item.source_line,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "key": change.key,
        "id": change.live_id,
        "action": change.action.value,
        "action_reason": change.reason.value,
        "detail": change.detail,
        "origin": str(change.origin) if change.origin else None,
        "change": {
            "actions": _ACTIONS[change.action],
            "before": dict(sorted(change.before.items())) if change.action is not Action.CREATE else None,
            "after": dict(sorted(change.after.items())) if change.action is not Action.DELETE else None,
        },
        "temporary_user_name": change.temporary_user_name,
        "requires": list(change.requires),
        "wave": change.wave,
        "attribution": change.attribution.value if change.attribution is not None else None,
        "pending_attributes": list(change.pending),
        "history": list(change.history),
    }


def _later(edit: LaterEdit) -> dict[str, Any]:
    return {"address": edit.address, "key": edit.key, "detail": edit.detail}


def from_json(text: str | bytes) -> Plan:
    """The plan in a document; raises `PlanFileError` when it is none, of another format, was edited, or has digests."""
    document = _parsed(text)
    if document.values == "digest":
        raise PlanFileError(
            "the plan is on record with digests in place of values, and nobody can apply those",
            "`reconciler show` shows it. To apply, make a new plan.",
        )
    plan = _plan(document)
    if compute_plan_id(plan.target, plan.changes) != plan.plan_id:
        raise PlanFileError("the plan was edited: its content does not give its plan id", "Make a new plan.")
    return plan


def from_record(text: str | bytes) -> tuple[Plan, bool]:
    """The plan in a document that is looked at only, and whether it has digests; these are not checked by the id."""
    document = _parsed(text)
    if document.values == "full":
        return from_json(text), False
    # The digest in an address is the one that receipts have.
    named = {
        name: [each.model_copy(update={"key": _key(each.address)}) for each in getattr(document, name)]
        for name in ("resource_changes", "no_longer_pending", "changes_nothing_today")
    }
    return _plan(document.model_copy(update=named)), True


def _key(address: str) -> str:
    return address.removeprefix('user["').removesuffix('"]')


def _parsed(text: str | bytes) -> PlanDocument:
    try:
        return PlanDocument.model_validate_json(text)
    except ValidationError as fault:
        raise _not_a_plan(text, fault) from fault


def _plan(document: PlanDocument) -> Plan:
    return Plan(
        plan_id=document.plan_id,
        target=Target(document.target.profile, document.target.base_url),
        changes=tuple(_read_change(change) for change in document.resource_changes),
        guards=tuple(Guard(**guard.model_dump()) for guard in document.guards),
        diagnostics=tuple(_read_diagnostic(item) for item in document.diagnostics),
        tally=Tally(**{name: getattr(document.summary, name) for name in Tally.__slots__}),
        complete=document.complete,
        created_at=document.created_at,
        expires_at=document.expires_at,
        reconciler_version=document.reconciler_version,
        config_digest=document.config_digest,
        commit=document.commit,
        base=Base(**document.base.model_dump()) if document.base is not None else None,
        notes=tuple(document.notes),
        no_longer_pending=tuple(_read_change(change) for change in document.no_longer_pending),
        changes_nothing_today=tuple(LaterEdit(edit.key, edit.detail) for edit in document.changes_nothing_today),
        drift=Drift(**document.drift.model_dump()) if document.drift is not None else None,
    )


def _not_a_plan(text: str | bytes, fault: ValidationError) -> PlanFileError:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return PlanFileError("not a plan: it is not JSON", "Make one with `reconciler plan -o FILE`.")
    version = found.get("format_version") if isinstance(found, dict) else None
    if version is not None and version != FORMAT_VERSION:
        summary = f"the plan has format {str(version)[:20]}, this version reads {FORMAT_VERSION}"
        return PlanFileError(summary, "Make a new plan, or use the version that made it.")
    first = fault.errors(include_url=False, include_input=False)[0]
    where = [".".join(str(step) for step in first["loc"])] if first["loc"] else []
    return PlanFileError(": ".join(["not a plan", *where, first["msg"]]), "Make one with `reconciler plan -o FILE`.")


def _read_change(found: ResourceChange) -> Change:
    before: Attributes = found.change.before or {}
    return Change(
        key=found.key,
        action=found.action,
        reason=found.action_reason,
        detail=found.detail,
        live_id=found.id,
        before=before,
        after=found.change.after or {},
        origin=_read_origin(found.origin),
        temporary_user_name=found.temporary_user_name,
        requires=tuple(found.requires),
        wave=found.wave,
        attribution=found.attribution,
        pending=tuple(found.pending_attributes),
        history=tuple(found.history),
    )


def _read_origin(text: str | None) -> Origin | None:
    file, _, place = (text or "").rpartition(":")
    file, _, line = file.rpartition(":")
    if not file or not all(number.isdecimal() and len(number) < _DIGITS for number in (line, place)):
        return None
    return Origin(file, int(line), int(place))


def _read_diagnostic(item: DiagnosticDocument) -> Diagnostic:
    placed = item.file is not None and item.line is not None and item.column is not None
    origin = Origin(item.file or "", item.line or 0, item.column or 0) if placed else None
    return Diagnostic(item.severity, item.summary, item.detail, origin, item.address, item.source_line)


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a plan."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlanDocument.model_json_schema()}
