"""Write a plan as JSON and read it back: what `--format json` prints and what a plan file holds.

The form is versioned, with a published schema (`plan_document`), in the shape of Terraform's `resource_changes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from reconciler.core.model import Attributes, Diagnostic, Origin, Target
from reconciler.core.plan import Action, Attribution, Base, Change, Drift, Guard, Incremental, LaterEdit, Plan, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning.attribution import changes_attributed_to
from reconciler.core.provisioning import Provisioning
from reconciler.core.text import to_ascii_json
from reconciler.errors import PlanFileError
from reconciler.record.plan_document import (
    FORMAT_VERSION,
    DiagnosticDocument,
    PlanDocument,
    ProvisioningDocument,
    ResourceChange,
)

_DIGITS = 10
"""No file has a line number of more digits."""
_CHANGES = '\n  "resource_changes": ['
_NO_CHANGES = f"{_CHANGES}]"
_ACTIONS: dict[Action, list[str]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.ADOPT: ["update"],
    Action.RELINK: ["update"],
    Action.REACTIVATE: ["update"],
    Action.DEACTIVATE: ["update"],
    Action.DELETE: ["delete"],
}
"""Terraform's terms, so that policy tools understand them."""


def to_json(plan: Plan) -> str:
    """Return the document of a plan, indented, with a final newline; same plan, same bytes."""
    return "".join(list_json(plan))


def list_json(plan: Plan) -> Iterator[str]:
    """Yield the document in pieces, each change in one of its own: together they are what `to_json` returns."""
    # Quotes within a value are escaped, so this is no value.
    before, after = json_text(_build_document(plan, [])).split(_NO_CHANGES)
    yield before
    if not plan.changes:
        yield _NO_CHANGES
    for number, change in enumerate(plan.changes):
        text = json_text(_change(change)).replace("\n", "\n    ")
        yield f"{_CHANGES if number == 0 else ','}\n    {text}"
    yield ("\n  ]" if plan.changes else "") + after + "\n"


def json_text(content: Any) -> str:
    """Return JSON that is safe to print: no control characters, and nothing that GitHub's runner runs as a command."""
    return to_ascii_json(content, indent=2)


def to_document(plan: Plan) -> dict[str, Any]:
    """Return the document as plain data, in the order of `PlanDocument`."""
    return _build_document(plan, [_change(change) for change in plan.changes])


def _build_document(plan: Plan, changes: list[dict[str, Any]]) -> dict[str, Any]:
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
        "target": plan.target.document,
        "complete": plan.complete,
        "incremental": _incremental(plan.incremental),
        "applyable": plan.applyable,
        "provisioning": _provisioning(plan.provisioning),
        "summary": _summary(plan),
        "guards": [
            {
                "name": guard.name,
                "passed": guard.passed,
                "message": guard.message,
                "approvable": guard.approvable,
                "approved": guard.approved,
                "approved_by": guard.approved_by,
                "approval": guard.approval,
            }
            for guard in plan.guards
        ],
        "notes": list(plan.notes),
        "diagnostics": [diagnostic_document(item) for item in plan.diagnostics],
        "resource_changes": changes,
        "no_longer_pending": [_change(change) for change in plan.no_longer_pending],
        "changes_nothing_today": [_later(edit) for edit in plan.changes_nothing_today],
        "unassigned": list(plan.unassigned),
        "values": "full",
    }


def _base(base: Base | None) -> dict[str, Any] | None:
    return None if base is None else {"ref": base.ref, "commit": base.commit, "offline": base.offline}


def _incremental(found: Incremental | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "record": found.record,
        "at": found.at.isoformat(),
        "read": found.read.isoformat(),
        "looked_at": found.looked_at,
        "users": found.users,
    }


def _drift(drift: Drift | None) -> dict[str, Any] | None:
    if drift is None:
        return None
    began = drift.began.isoformat() if drift.began is not None else None
    return {"began": began, "plan_id": drift.plan_id, "commit": drift.commit, "unmanaged": drift.unmanaged}


def _provisioning(found: Provisioning) -> dict[str, Any]:
    return {"enabled": found.enabled, "reason": found.reason or None, "switched": found.switched}


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
        "unassigned": tally.unassigned,
        "other_case": tally.other_case,
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
    """Return a diagnostic as plain data."""
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
        "cause": item.cause,
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
    """Return the plan in a document.

    Raises `PlanFileError` if it is not a plan, has another format, was edited, or holds digests.
    """
    document = parse_document(text)
    if document.values == "digest":
        raise PlanFileError(
            "the plan is on record with digests in place of values and cannot be applied",
            "`reconciler show` shows it. To apply, make a new plan.",
        )
    plan = read_document(document)
    if compute_plan_id(plan.target, plan.changes) != plan.plan_id:
        raise PlanFileError("the plan was edited: its content does not give its plan id", "Make a new plan.")
    return plan


def parse_document(text: str | bytes) -> PlanDocument:
    """Return the document; its plan id is not checked. Raises `PlanFileError` if it is not a plan."""
    try:
        return PlanDocument.model_validate_json(text)
    except ValidationError as exc:
        raise _not_a_plan(text, exc) from exc


def read_document(document: PlanDocument) -> Plan:
    """Return the plan in a document."""
    return Plan(
        plan_id=document.plan_id,
        target=Target(document.target.profile, document.target.base_url, document.target.tenant),
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
        unassigned=tuple(document.unassigned),
        no_longer_pending=tuple(_read_change(change) for change in document.no_longer_pending),
        changes_nothing_today=tuple(LaterEdit(edit.key, edit.detail) for edit in document.changes_nothing_today),
        drift=Drift(**document.drift.model_dump()) if document.drift is not None else None,
        provisioning=_read_provisioning(document.provisioning),
        incremental=Incremental(**document.incremental.model_dump()) if document.incremental is not None else None,
    )


def _read_provisioning(found: ProvisioningDocument) -> Provisioning:
    return Provisioning(found.enabled, found.reason or "", found.switched)


def _not_a_plan(text: str | bytes, exc: ValidationError) -> PlanFileError:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return PlanFileError("not a plan: it is not JSON", "Make one with `reconciler plan -o FILE`.")
    version = found.get("format_version") if isinstance(found, dict) else None
    if version is not None and version != FORMAT_VERSION:
        summary = f"the plan has format {str(version)[:20]}, this version reads {FORMAT_VERSION}"
        return PlanFileError(summary, "Make a new plan, or use the version that made it.")
    first = exc.errors(include_url=False, include_input=False)[0]
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
    return Diagnostic(item.severity, item.summary, item.detail, origin, item.address, item.source_line, item.cause)
