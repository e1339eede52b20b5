"""`schema`: JSON Schemas, for editors and for tools that read plans."""

from __future__ import annotations

import json
from typing import Any

from reconciler.desired.json_schemas import KINDS, build_json_schema, schema_id
from reconciler.errors import UsageError
from reconciler.record import plan_document, receipt_line
from reconciler.render import check_document, import_document, validation

_DOCUMENTS = ("plan", "receipt", "validation", "check", "import")


def render_schema(kind: str) -> str:
    """Return the JSON Schema of a kind of file. Raises `UsageError` if there is none."""
    return json.dumps(_find_schema(kind), indent=2) + "\n"


def _find_schema(kind: str) -> dict[str, Any]:
    if kind == "plan":
        return {"$id": schema_id("plan", plan_document.FORMAT_VERSION), **plan_document.json_schema()}
    if kind == "receipt":
        return {"$id": schema_id("receipt", receipt_line.FORMAT_VERSION), **receipt_line.json_schema()}
    if kind == "validation":
        return {"$id": schema_id("validation", validation.FORMAT_VERSION), **validation.json_schema()}
    if kind == "check":
        return {"$id": schema_id("check", check_document.FORMAT_VERSION), **check_document.json_schema()}
    if kind == "import":
        return {"$id": schema_id("import", import_document.FORMAT_VERSION), **import_document.json_schema()}
    if kind in KINDS:
        return build_json_schema(kind)
    raise UsageError(f"there is no schema {kind}", f"There are {', '.join([*KINDS, *_DOCUMENTS])}.")
