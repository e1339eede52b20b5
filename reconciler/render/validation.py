"""Render the result of `validate` as JSON, with its published schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from reconciler import __version__
from reconciler.core.model import Diagnostic, Severity
from reconciler.record.plan_document import DiagnosticDocument, StrictDocument
from reconciler.record.plan_file import diagnostic_document, json_text

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Validation:
    """What `validate` found. `users` and `in_scope`: numbers of users; None if the desired state cannot be read.

    `state`: the directory as given; `date`: the day on which users are in scope, in ISO 8601.
    """

    state: str
    date: str
    diagnostics: Sequence[Diagnostic]
    users: int | None
    in_scope: int | None

    @property
    def errors(self) -> int:
        """The number of errors."""
        return sum(item.severity is Severity.ERROR for item in self.diagnostics)

    @property
    def valid(self) -> bool:
        """Whether the desired state was read and has no error."""
        return self.users is not None and not self.errors


class ValidationSummary(StrictDocument):
    """Numbers. `users` and `in_scope` are null if the desired state cannot be read."""

    errors: int
    warnings: int
    users: int | None
    in_scope: int | None


class ValidationDocument(StrictDocument):
    """The result of `reconciler validate --format json`."""

    format_version: str = Field(pattern=r"^1\.\d+$")
    reconciler_version: str
    state: str = Field(description="Directory of the desired state; files of diagnostics are relative to it")
    date: str = Field(description="The day for which users are in scope or not")
    valid: bool
    summary: ValidationSummary
    diagnostics: list[DiagnosticDocument]


def render_validation_json(found: Validation) -> str:
    """Render the result as JSON."""
    return json_text(_to_document(found)) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of the result."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ValidationDocument.model_json_schema()}


def _to_document(found: Validation) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "reconciler_version": __version__,
        "state": found.state,
        "date": found.date,
        "valid": found.valid,
        "summary": {
            "errors": found.errors,
            "warnings": len(found.diagnostics) - found.errors,
            "users": found.users,
            "in_scope": found.in_scope,
        },
        "diagnostics": [diagnostic_document(item) for item in found.diagnostics],
    }
