from __future__ import annotations

import json

import jsonschema
from support.import_reports import full_report, report_of, scope
from syrupy.assertion import SnapshotAssertion

from reconciler.core.field_change import JsonText
from reconciler.core.policy import Limit
from reconciler.history.edits import Entity
from reconciler.render.import_document import ImportDocument, import_document, json_schema, render_import_json
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan
from reconciler.sources.import_report import ImportOutcome


def test_the_document_has_everything_with_its_place(snapshot: SnapshotAssertion) -> None:
    document = import_document(full_report(outcome=ImportOutcome.BLOCKED, limit=Limit(2)))
    assert json.dumps(document, indent=1) == snapshot
    assert ImportDocument.model_validate(document)


def test_the_published_schema_fits_and_names_every_key() -> None:
    schema = json_schema()
    document = json.loads(render_import_json(full_report("\N{SNOWMAN}")))
    jsonschema.validate(document, schema)
    assert schema["required"] == list(document)


def test_a_part_of_a_file_is_json_text() -> None:
    before = scope()
    filters: tuple[str, ...] = (JsonText('{"name": "x"}'),)
    after = Entity(before.kind, before.name, {**before.fields, "filters": filters, "rule": filters[0]}, before.file)
    plan = ImportPlan("Entra", (EntryEdit(before, after),))
    (change,) = import_document(report_of(plan, CurrentState(scope=before)))["changes"]
    assert [row["after"] for row in change["attributes"]] == [['{"name": "x"}'], '{"name": "x"}']
