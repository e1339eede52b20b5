"""Put the filters of a synchronization schema into an existing scope.yaml; everything else of it stays."""

from __future__ import annotations

from reconciler.desired.yaml_nodes import YamlMapping, YamlSequence
from reconciler.desired.yaml_reader import read_document
from reconciler.entra.translation import ImportedSchema, TranslatedFilterGroup
from reconciler.entra.yaml_writer import CLOSED_GROUP, SCHEMA_COMMAND, remove_header, render_filters
from reconciler.errors import SchemaError

FILTERS = "filters"
_SCOPE = "scope.yaml"
FilterGroups = list[tuple[str, list[dict[str, str]]]]
"""The groups of a filter: name and clauses, without empty values."""


def replace_filters(
    text: str, imported: ImportedSchema, file: str, path: str = _SCOPE, command: str = SCHEMA_COMMAND
) -> str:
    """Return the text of scope.yaml with the filters of a schema at its end. `file`: where the schema is from.

    `path`: for messages; `command`: the one that writes it. Raises `SchemaError` if the text is not written as
    `key: value` lines.
    """
    node = _parse(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if isinstance(node, YamlMapping):
        kept = remove_header(_remove_filters(text, node)).rstrip()
        added = render_filters(imported, file, command).replace("\n", newline)
        whole = f"{kept}{newline}{newline}{added}"
        again = _parse(whole)
        if isinstance(again, YamlMapping) and {*again, FILTERS} == {*node, FILTERS}:
            return whole
    raise SchemaError(f"{path} is not written as `key: value` lines", "Use that form: filters are added at its end.")


def read_filters(text: str) -> FilterGroups:
    """Return the groups in a scope.yaml, as far as they can be read."""
    node = _parse(text)
    groups = node.get(FILTERS) if isinstance(node, YamlMapping) else None
    found = groups if isinstance(groups, YamlSequence) else []
    return [_read_group(group) for group in found if isinstance(group, YamlMapping)]


def _read_group(group: YamlMapping) -> tuple[str, list[dict[str, str]]]:
    clauses = group.get("clauses")
    found = clauses if isinstance(clauses, YamlSequence) else []
    return str(group.get("name", "")), [
        {key: str(value) for key, value in clause.items() if value}
        for clause in found
        if isinstance(clause, YamlMapping)
    ]


def list_filters(imported: ImportedSchema) -> FilterGroups:
    """Return the groups that `replace_filters` writes."""
    filters = imported.filters
    groups: list[TranslatedFilterGroup] = [CLOSED_GROUP] if filters.closed else [*filters.groups]
    return [
        (group.name, [{key: value for key, value in clause.items() if value} for clause in group.clauses])
        for group in groups
        if group.active
    ]


def _parse(text: str) -> object:
    return read_document(text.encode(), _SCOPE, lambda _diagnostic: None)


def _remove_filters(text: str, node: YamlMapping) -> str:
    """Return `text` without its key `filters`; everything else stays as it was written."""
    if FILTERS not in node:
        return text
    lines = text.splitlines(keepends=True)
    number = list(node).index(FILTERS)
    start = node.key_marks[number].line
    following = [mark.line for mark in node.key_marks[number + 1 :]]
    end = following[0] if following else len(lines)
    # Comments right above the next key are about that one.
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "".join([*lines[:start], *lines[end:]])
