"""Set single keys of settings.yaml and scope.yaml in place; every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.field_change import Field
from reconciler.core.model import Diagnostic, Origin, Severity
from reconciler.errors import SourceError
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.history.yaml_edit import check_entries, edit_content
from reconciler.history.yaml_entries import read_entries
from reconciler.history.yaml_fields import FieldEdit, LiteralText, Names, render_fields
from reconciler.history.yaml_nodes import EditError

DocumentValue = Field | int | bool
"""A text, a list of texts, or a number or a boolean, which has no quotes."""


def edit_document(
    name: str,
    content: bytes | None,
    values: Mapping[str, DocumentValue | None],
    *,
    names: Mapping[str, Names] | None = None,
    head: bytes = b"",
) -> bytes:
    """Return the new content of a document with keys set, such as `{"guards.removals.count": 500}`; None: removed.

    Missing sections are made. An empty list stays as `[]`. `content` None: the file is new, and begins with `head`.
    `names`: items of lists that are renamed in place, see `FieldEdit`. Raises `SourceError` if the document cannot be
    edited.
    """
    fields = {path: _to_field(value) for path, value in values.items()}
    kept = {path: value for path, value in fields.items() if value}
    try:
        if content is None:
            before: Mapping[str, Field] = {}
            edited = head + render_fields(DOCUMENT, kept, "\n").encode() + b"\n"
        else:
            before = _read(name, content)
            edited = edit_content(content, DOCUMENT, {0: FieldEdit(fields, names or {})})
        left = {path: value for path, value in before.items() if path not in fields}
        check_entries(name, edited, [Entity(DOCUMENT, name, {**left, **kept}, name)])
    except EditError as exc:
        place = Origin(name, 1, 1)
        raise SourceError(
            f"{place}: it cannot be edited: {exc.reason}", "Nothing was written. Edit it manually."
        ) from exc
    return edited


def _read(name: str, content: bytes) -> Mapping[str, Field]:
    """Return the fields of a document. Raises `SourceError` if it cannot be read."""
    errors: list[Diagnostic] = []
    found = read_entries(name, content, errors.append)
    first = next((each for each in errors if each.severity is Severity.ERROR), None)
    if first is not None:
        raise SourceError(f"{first.origin or name}: {first.summary}", f"{first.detail} Nothing was written.".strip())
    if not found:
        raise EditError("it is not a mapping")
    return found[0].fields


def _to_field(value: DocumentValue | None) -> Field | None:
    if isinstance(value, bool):
        return LiteralText("true" if value else "false")
    return LiteralText(str(value)) if isinstance(value, int) else value
