from __future__ import annotations

import json

from reconciler.core.model import Origin, error, warning
from reconciler.record.plan_file import diagnostic_document
from reconciler.render.validation import Validation, ValidationDocument, json_schema, render_validation_json

FOUND = (error("wrong", "Fix it.", Origin("users/a.yaml", 3, 5), 'user["ada"]'), warning("odd"))


def test_the_document_has_the_numbers_and_the_diagnostics_of_a_plan() -> None:
    document = json.loads(render_validation_json(Validation("d", "2026-12-01", FOUND, 3, 2)))
    assert document["summary"] == {"errors": 1, "warnings": 1, "users": 3, "in_scope": 2}
    assert (document["format_version"], document["state"], document["date"]) == ("1.0", "d", "2026-12-01")
    assert document["valid"] is False
    assert document["diagnostics"] == [diagnostic_document(item) for item in FOUND]
    assert ValidationDocument.model_validate(document)


def test_warnings_do_not_make_it_invalid_but_an_unreadable_state_does() -> None:
    assert json.loads(render_validation_json(Validation("d", "2026-12-01", FOUND[1:], 3, 2)))["valid"] is True
    broken = json.loads(render_validation_json(Validation("d", "2026-12-01", FOUND[:1], None, None)))
    assert (broken["valid"], broken["summary"]["users"]) == (False, None)
    assert ValidationDocument.model_validate(broken)


def test_the_schema_names_every_key() -> None:
    schema = json_schema()
    assert schema["required"] == list(json.loads(render_validation_json(Validation("d", "x", (), 0, 0))))
    assert "source_line" in schema["$defs"]["DiagnosticDocument"]["properties"]
