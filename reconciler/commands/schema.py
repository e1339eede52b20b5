"""`schema`: JSON Schemas, for editors and for tools that read plans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.desired.json_schemas import KINDS, build_json_schema, schema_id
from reconciler.errors import UsageError
from reconciler.record import plan_document, receipt_line
from reconciler.render import check_document, import_document, notification_document, status_document, validation

_DOCUMENTS: Mapping[str, Any] = {
    "plan": plan_document,
    "receipt": receipt_line,
    "validation": validation,
    "check": check_document,
    "import": import_document,
    "notification": notification_document,
    "status": status_document,
}
"""The module of each kind of document: its version and its schema."""


def render_schema(kind: str) -> str:
    """Return the JSON Schema of a kind of file. Raises `UsageError` if there is none."""
    return json.dumps(_find_schema(kind), indent=2) + "\n"


def _find_schema(kind: str) -> dict[str, Any]:
    if kind in _DOCUMENTS:
        module = _DOCUMENTS[kind]
        return {"$id": schema_id(kind, module.FORMAT_VERSION), **module.json_schema()}
    if kind in KINDS:
        return build_json_schema(kind)
    raise UsageError(f"there is no schema {kind}", f"There are {', '.join([*KINDS, *_DOCUMENTS])}.")
