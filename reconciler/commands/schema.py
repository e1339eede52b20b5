"""`schema`: JSON Schemas, for editors and for tools that read plans."""

from __future__ import annotations

import json
from typing import Any

from reconciler.desired.directory import KINDS
from reconciler.desired.directory import build_json_schema as file_schema
from reconciler.errors import UsageError
from reconciler.record import plan_document
from reconciler.record.receipt_line import json_schema as receipt_schema


def render_schema(kind: str) -> str:
    """Return the JSON Schema of a kind of file. Raises `UsageError` if there is none."""
    return json.dumps(_find_schema(kind), indent=2) + "\n"


def _find_schema(kind: str) -> dict[str, Any]:
    if kind == "plan":
        return plan_document.json_schema()
    if kind == "receipt":
        return receipt_schema()
    if kind in KINDS:
        return file_schema(kind)
    raise UsageError(f"there is no schema {kind}", f"There are {', '.join([*KINDS, 'plan', 'receipt'])}.")
