"""docs/reference/schemas.md: every JSON Schema that the program prints."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reconciler.commands.schema import render_schema
from reconciler.desired.json_schemas import KINDS
from support.reference.markdown import code, page, table

FILES: Mapping[str, str] = {
    "settings": "`settings.yaml`",
    "scope": "`scope.yaml`",
    "mappings": "`mappings.yaml`",
    "users": "`users/**/*.yaml`",
    "groups": "`groups/**/*.yaml`",
    "fleet": "`fleet.yaml`",
    "tenant": "`tenants/*/tenant.yaml`",
    "layer-settings": "`settings.yaml` of a [layer](../fleet-layers.md) of a fleet",
    "layer-scope": "`scope.yaml` in a fleet",
    "tenant-settings": "`settings.yaml` of a tenant in a fleet",
}
DOCUMENTS: Mapping[str, str] = {
    "plan": "a saved plan (`plan -o FILE`, `plan --format json`)",
    "receipt": "a line of a receipt, `plans/*/receipt.jsonl`",
    "validation": "the result of `validate --format json`",
    "check": "the result of `check --format json`",
    "import": "the result of `import entra --format json` and `import csv --format json`",
    "notification": "the body of a notification to a webhook of the format `json`",
    "status": "the result of `status --format json`",
}
INTRODUCTION = """\
`reconciler schema KIND` prints the JSON Schema (draft 2020-12) of a kind of file or document. Editors complete keys and
mark errors with those of files ([the desired state](../desired-state.md)); programs that read plans, receipts and
results can rely on those of documents. The `$id` names the kind and a version, and resolves nowhere: nothing is
fetched. This page is generated: `make reference`.

```sh
reconciler schema users > schemas/users.json
reconciler schema plan
```"""
VERSIONS = """\
The version of a file's schema is that of the program. A document has a version of its own, `format_version`: later
versions of the same number before the dot only add keys, and plans and receipts of earlier versions stay readable."""


def render_schemas() -> str:
    """Return the page."""
    return page(
        "# JSON Schemas",
        INTRODUCTION,
        "## Files",
        table(("kind", "describes", "`$id`"), [row(kind, FILES[kind]) for kind in KINDS]),
        "## Documents",
        VERSIONS,
        table(("kind", "describes", "`$id`"), [row(kind, text) for kind, text in DOCUMENTS.items()]),
    )


def row(kind: str, text: str) -> tuple[str, str, str]:
    """Return the row of a kind."""
    return code(kind), text, code(json.loads(render_schema(kind))["$id"])
