"""A plan as the record keeps it: in full, or with digests in place of names and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.model import Diagnostic
from reconciler.core.plan import Change, LaterEdit, Plan
from reconciler.record.plan_file import from_json, json_text, parse_document, read_document, to_document, to_json
from reconciler.record.redaction import Redactor


def to_record(plan: Plan, redactor: Redactor) -> str:
    """Return the document of a plan as the record keeps it, through `redactor`."""
    if redactor.key is None:
        return to_json(plan)
    redacted = replace(
        plan,
        changes=tuple(_redact_change(change, redactor) for change in plan.changes),
        notes=tuple(map(redactor.text, plan.notes)),
        unassigned=(),
        no_longer_pending=tuple(_redact_change(change, redactor) for change in plan.no_longer_pending),
        changes_nothing_today=tuple(
            LaterEdit(redactor.name(edit.key), redactor.text(edit.detail)) for edit in plan.changes_nothing_today
        ),
        # A branch is often named after the user it is about.
        base=replace(plan.base, ref=plan.base.commit) if plan.base is not None else None,
        guards=tuple(replace(guard, message=redactor.text(guard.message)) for guard in plan.guards),
        diagnostics=tuple(_redact_diagnostic(item, redactor) for item in plan.diagnostics),
        provisioning=replace(plan.provisioning, reason=""),
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


def from_record(text: str | bytes) -> tuple[Plan, bool]:
    """Return the plan in a document, to be shown only, and whether it holds digests.

    Digests do not give the plan id, so with them it is not checked. Raises `PlanFileError` as `from_json`.
    """
    document = parse_document(text)
    if document.values == "full":
        return from_json(text), False
    # The digest in an address is the one that receipts have.
    named = {
        name: [each.model_copy(update={"key": _key(each.address)}) for each in getattr(document, name)]
        for name in ("resource_changes", "no_longer_pending", "changes_nothing_today")
    }
    return read_document(document.model_copy(update=named)), True


def _key(address: str) -> str:
    return address.removeprefix('user["').removesuffix('"]')
