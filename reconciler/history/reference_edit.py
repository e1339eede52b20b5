"""Edit references to users in groups and scope.yaml; every other byte of the files stays.

A user that is removed or renamed leaves references behind, which would be errors. The result is read again: `EditError`
is raised if anything but these references differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.field_change import Field
from reconciler.core.model import Diagnostic
from reconciler.core.values import fold_case
from reconciler.desired.yaml_reader import YamlMapping, YamlSequence, read_document, read_items
from reconciler.history.edits import DOCUMENT, GROUP, Entity
from reconciler.history.revert import RevertStep
from reconciler.history.yaml_edit import EditError
from reconciler.history.yaml_entries import detect_kind, parse_entries

_FIELDS = ("members.users", "assigned.users", "excluded.users")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_SCALAR = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,\[\]{}#\s]+(?: +[^,\[\]{}#\s]+)*""")
_COMMA_AFTER, _COMMA_BEFORE = re.compile(r"\s*,[ \t]*"), re.compile(r",\s*\Z")

Names = Mapping[str, str | None]
"""Case-folded name or objectId of a user: the new name, or None if the user is removed."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a list: its place, 0-based, and what it becomes."""

    line: int
    column: int
    new: str | None


def edit_references(name: str, content: bytes, names: Names) -> tuple[bytes, list[RevertStep]]:
    """Return the file `name` with the references to `names` edited, and the steps; no step: the file is unchanged.

    Raises `EditError` if a reference cannot be edited.
    """
    items = sorted(_find_items(name, content, names), key=lambda item: (item.line, item.column), reverse=True)
    if not items:
        return content, []
    lines: list[str | None] = [*content.decode("utf-8", "surrogateescape").split("\n")]
    for item in items:
        _edit(lines, item)
    edited = "\n".join(line for line in lines if line is not None).encode("utf-8", "surrogateescape")
    before, after = parse_entries(name, content), parse_entries(name, edited)
    if [each.fields for each in after] != [_expected(each, names) for each in before]:
        raise EditError(f"{name} cannot be edited by this command: its references would not be read as intended")
    return edited, [_step(old, new) for old, new in zip(before, after, strict=True) if old.fields != new.fields]


def _find_items(name: str, content: bytes, names: Names) -> Iterator[_Item]:
    for users in _find_lists(name, content):
        for number, user in enumerate(users):
            if isinstance(user, str) and fold_case(user) in names:
                mark = users.item_marks[number]
                yield _Item(mark.line, mark.column, names[fold_case(user)])


def _find_lists(name: str, content: bytes) -> Iterator[YamlSequence]:
    """Yield the lists of users of a group file or of scope.yaml."""
    nodes = (
        read_items(content, name, _ignore) if detect_kind(name) == GROUP else [read_document(content, name, _ignore)]
    )
    for node in nodes:
        for path in _FIELDS:
            section, key = path.split(".")
            inner = node.get(section) if isinstance(node, YamlMapping) else None
            users = inner.get(key) if isinstance(inner, YamlMapping) else None
            if isinstance(users, YamlSequence):
                yield users


def _ignore(_diagnostic: Diagnostic) -> None:
    """The validation of the result reports errors."""


def _edit(lines: list[str | None], item: _Item) -> None:
    """Replace or remove one item; in a block list, its line becomes None."""
    line = lines[item.line] or ""
    before, scalar = line[: item.column], _SCALAR.match(line, item.column)
    if scalar is None:
        raise EditError("a reference to a user cannot be edited by this command")
    after = line[scalar.end() :]
    if item.new is not None:
        lines[item.line] = before + (item.new if _PLAIN.fullmatch(item.new) else json.dumps(item.new)) + after
    elif before.strip() == "-":
        lines[item.line] = None
    else:
        comma = _COMMA_AFTER.match(after)
        kept = before + after[comma.end() :] if comma else _COMMA_BEFORE.sub("", before) + after
        lines[item.line] = kept if kept.strip() else None


def _expected(entity: Entity, names: Names) -> Mapping[str, Field]:
    """Return the fields after the edit."""
    fields = dict(entity.fields)
    for path in _FIELDS if entity.kind in (GROUP, DOCUMENT) else ():
        users = fields.get(path)
        if isinstance(users, tuple):
            renamed = (names.get(fold_case(user), user) for user in users)
            fields[path] = tuple(user for user in renamed if user is not None)
    return {path: value for path, value in fields.items() if value}


def _step(old: Entity, new: Entity) -> RevertStep:
    changed = {path: new.fields.get(path) for path in _FIELDS if old.fields.get(path) != new.fields.get(path)}
    return RevertStep(old, replace(new, file=old.file), changed)
