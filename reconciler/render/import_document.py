"""Render an import as JSON, with its published schema."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconciler import __version__
from reconciler.core.field_change import JsonText
from reconciler.core.model import Origin
from reconciler.history.edits import Entity
from reconciler.record.plan_document import DiagnosticDocument, GuardDocument, StrictDocument
from reconciler.record.plan_file import diagnostic_document, json_text
from reconciler.sources.departures import DepartureKind
from reconciler.sources.import_plan import EntryEdit, MissingAction
from reconciler.sources.import_report import ImportAction, ImportOutcome, ImportReport, find_action

FORMAT_VERSION = "1.0"
FieldValue = str | bool | list[str] | None


class PlaceDocument(StrictDocument):
    """An entry of a file before the import. `line` and `column`: null if it is added."""

    address: str = Field(description='user["ada@example.com"], group["Staff"] or the name of a file')
    file: str
    line: int | None
    column: int | None


class AttributeDocument(StrictDocument):
    """One field of an entry. Of a list that changes, `before` has the removed items and `after` the added ones."""

    path: str
    before: FieldValue
    after: FieldValue
    line: int | None = Field(description="Line of the value before the import")


class EntryChangeDocument(PlaceDocument):
    """What the import does with one entry of a file."""

    kind: str = Field(description="user, group, or document: a whole file such as scope.yaml")
    action: ImportAction
    reason: str
    attributes: list[AttributeDocument]


class MissingDocument(PlaceDocument):
    """An entry whose person the source does not have. `reason`: what the source confirms; "": nothing."""

    reason: str
    action: MissingAction


class KeptDocument(PlaceDocument):
    """A value that git owns and that differs from the source's."""

    path: str
    value: FieldValue
    in_source: FieldValue


class DepartureDocument(PlaceDocument):
    """A user that leaves by the import."""

    kind: DepartureKind


class DeparturesDocument(StrictDocument):
    """The users that leave. `id` approves exactly these; `population`: enabled users in scope before the import."""

    id: str
    population: int
    users: list[DepartureDocument]


class ImportCounts(StrictDocument):
    """Numbers of entries by action."""

    add: int
    change: int
    disable: int
    remove: int


class ImportSummary(StrictDocument):
    """Numbers of users and groups by action, and of users that stay as they are."""

    users: ImportCounts
    groups: ImportCounts
    unchanged: int = Field(description="Users of the source whose entries stay as they are")
    missing: int = Field(description="Users that the source does not have, left as they are")
    refused: int = Field(description="Users of the source that are not imported")
    unlinked: int = Field(description="Users without an objectId that only the files have, left as they are")


class ImportDocument(StrictDocument):
    """The result of `reconciler import entra|csv --format json`."""

    format_version: str = Field(pattern=r"^1\.\d+$")
    reconciler_version: str
    source: str
    outcome: ImportOutcome
    summary: ImportSummary
    files: list[str] = Field(description="Files that change, relative to the desired state")
    guards: list[GuardDocument]
    departures: DeparturesDocument
    arrivals: list[PlaceDocument] = Field(description="Users of the files that are in scope only after the import")
    changes: list[EntryChangeDocument]
    missing: list[MissingDocument]
    kept: list[KeptDocument]
    other_changes: list[str] = Field(description="What changes apart from users, groups and the scope")
    notes: list[str]
    diagnostics: list[DiagnosticDocument]


def render_import_json(report: ImportReport) -> str:
    """Render an import as JSON that is safe to print."""
    return json_text(import_document(report)) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of the result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ImportDocument.model_json_schema()}


def import_document(report: ImportReport) -> dict[str, Any]:
    """Return the document as plain data, in the order of `ImportDocument`."""
    plan = report.plan
    return {
        "format_version": FORMAT_VERSION,
        "reconciler_version": __version__,
        "source": plan.source,
        "outcome": report.outcome.value,
        "summary": _summary(report),
        "files": list(report.files),
        "guards": [_guard(report)],
        "departures": _departures(report),
        "arrivals": [_place(user, report) for user in report.departures.arrivals],
        "changes": [_change(edit, report) for edit in plan.edits],
        "missing": [
            {**_place(each.entity, report), "reason": each.reason, "action": each.action.value} for each in plan.missing
        ],
        "kept": [
            {
                **_place(each.entity, report),
                "path": each.change.path,
                "value": _plain(each.change.before),
                "in_source": _plain(each.change.after),
            }
            for each in plan.kept
        ],
        "other_changes": list(report.what_else),
        "notes": list(plan.notes),
        "diagnostics": [diagnostic_document(item) for item in report.errors],
    }


def _summary(report: ImportReport) -> dict[str, Any]:
    plan = report.plan
    return {
        "users": {action: len(report.of_users(ImportAction(action))) for action in ImportCounts.model_fields},
        "groups": {action: len(report.of_groups(ImportAction(action))) for action in ImportCounts.model_fields},
        "unchanged": plan.unchanged,
        "missing": len(report.left),
        "refused": plan.refused,
        "unlinked": plan.unlinked,
    }


def _guard(report: ImportReport) -> dict[str, Any]:
    guard = report.guard
    return {name: getattr(guard, name) for name in GuardDocument.model_fields}


def _departures(report: ImportReport) -> dict[str, Any]:
    found = report.departures
    users = [{**_place(each.entity, report), "kind": each.kind.value} for each in found.people]
    return {"id": found.id, "population": found.population, "users": users}


def _change(edit: EntryEdit, report: ImportReport) -> dict[str, Any]:
    before = edit.before
    place = _place(before, report) if before is not None else _locate(edit.entity, None)
    return {
        **place,
        "kind": edit.entity.kind,
        "action": find_action(edit).value,
        "reason": edit.reason,
        "attributes": [
            {
                "path": row.path,
                "before": _plain(row.before),
                "after": _plain(row.after),
                "line": report.locate(before, row.path).line
                if before is not None and row.path in before.fields
                else None,
            }
            for row in edit.rows
        ],
    }


def _place(entity: Entity, report: ImportReport) -> dict[str, Any]:
    return _locate(entity, report.locate(entity, None))


def _locate(entity: Entity, origin: Origin | None) -> dict[str, Any]:
    line, column = (origin.line, origin.column) if origin is not None else (None, None)
    return {"address": entity.address, "file": entity.file, "line": line, "column": column}


def _plain(value: str | bool | tuple[str, ...] | None) -> FieldValue:
    """Return a value for JSON; a part of a file, such as a filter, is JSON text."""
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return str(value) if isinstance(value, JsonText) else value
