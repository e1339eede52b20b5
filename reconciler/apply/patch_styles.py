"""The styles in which an attribute can be written with PATCH, for services that do not take all of RFC 7644 §3.5.2.

Pure. `core.patch` builds what the RFC says; a run begins with it, and falls back to another style where the service
refuses it (`apply.patch_sender`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from reconciler.core.elements import clear_element, find_carrier, set_element
from reconciler.core.model import Resource
from reconciler.core.patch import PATCH_OP, build_patch_operation, merge_elements
from reconciler.core.paths import Path, get, list_elements, parse
from reconciler.core.plan import AttributeChange

Operation = dict[str, Any]
"""One operation of a PatchOp."""


class Intent(StrEnum):
    """What an operation is for."""

    SET = "set an attribute"
    CLEAR = "clear an attribute"
    ELEMENT = "change an element of a list"


class PatchStyle(StrEnum):
    """How an attribute is written, in words."""

    REPLACE = "replace with a path"
    ADD = "add with a path"
    REPLACE_OBJECT = "replace without a path"
    ADD_OBJECT = "add without a path"
    REMOVE = "remove"
    NULL = "replace with null"
    NULL_OBJECT = "replace with null, without a path"
    ADD_NULL = "add with null"
    EMPTY = 'replace with ""'
    EMPTY_OBJECT = 'replace with "", without a path'
    ADD_EMPTY = 'add with ""'
    FILTER = "a filter in the path"
    LIST = "replace of the whole list"
    LIST_OBJECT = "replace of the whole list, without a path"
    ADD_FILTER = "add with a filter in the path"
    REMOVE_ADD = "remove of the element, then add"


STYLES: Mapping[Intent, tuple[PatchStyle, ...]] = {
    Intent.SET: (PatchStyle.REPLACE, PatchStyle.ADD, PatchStyle.REPLACE_OBJECT, PatchStyle.ADD_OBJECT),
    Intent.CLEAR: (
        PatchStyle.REMOVE,
        PatchStyle.NULL,
        PatchStyle.NULL_OBJECT,
        PatchStyle.ADD_NULL,
        # Last: a service may store an empty text as a value.
        PatchStyle.EMPTY,
        PatchStyle.EMPTY_OBJECT,
        PatchStyle.ADD_EMPTY,
    ),
    Intent.ELEMENT: (
        PatchStyle.FILTER,
        PatchStyle.LIST,
        PatchStyle.LIST_OBJECT,
        PatchStyle.ADD_FILTER,
        PatchStyle.REMOVE_ADD,
    ),
}
"""In the order in which they are tried; the first is the RFC's."""
_ADDS = frozenset({PatchStyle.ADD, PatchStyle.ADD_OBJECT, PatchStyle.ADD_NULL, PatchStyle.ADD_EMPTY})
_OBJECTS = frozenset(
    {PatchStyle.REPLACE_OBJECT, PatchStyle.ADD_OBJECT, PatchStyle.NULL_OBJECT, PatchStyle.EMPTY_OBJECT}
)
PLAIN_SHAPES = frozenset({"replace with a path", "add with a path"})
"""Operations that every service takes which takes a path: refused as an invalid value, they have one."""
_EMPTY = frozenset({PatchStyle.EMPTY, PatchStyle.EMPTY_OBJECT, PatchStyle.ADD_EMPTY})


@dataclass(frozen=True, slots=True)
class PatchStyles:
    """The styles that a service takes, as far as it is known. `single`: one operation in each request."""

    chosen: Mapping[Intent, PatchStyle] = field(
        default_factory=lambda: {intent: styles[0] for intent, styles in STYLES.items()}
    )
    single: bool = False

    def choose(self, intent: Intent, style: PatchStyle) -> PatchStyles:
        """Return the styles with another one for `intent`."""
        return replace(self, chosen={**self.chosen, intent: style})


@dataclass(frozen=True, slots=True)
class Step:
    """The operations that make some changed rows of one intent."""

    intent: Intent
    rows: tuple[AttributeChange, ...]
    operations: tuple[Operation, ...]

    @property
    def purposes(self) -> set[str]:
        """What the step is for, in words."""
        return set(map(name_purpose, self.rows))

    @property
    def shapes(self) -> set[str]:
        """What a service can refuse about the operations, whatever their values."""
        return {_describe_shape(operation) for operation in self.operations}


def build_steps(rows: Iterable[AttributeChange], live: Resource, styles: PatchStyles) -> list[Step]:
    """Build the steps that change `rows` of a user that the target returned as `live`; without those no style fits."""
    builder = _StepBuilder(dict(deepcopy(dict(live))), styles)
    steps: list[Step] = []
    for intent, group in _group(rows, styles):
        operations = builder.build(intent, group)
        if operations:
            steps.append(Step(intent, tuple(group), tuple(operations)))
    return steps


def build_body(operations: Iterable[Operation], *, capitalised: bool) -> dict[str, Any]:
    """Build a PatchOp. `capitalised`: `Replace`, as Entra writes it."""
    spelled = [{**each, "op": each["op"].capitalize()} if capitalised else each for each in operations]
    return {"schemas": [PATCH_OP], "Operations": spelled}


def name_intent(row: AttributeChange) -> Intent:
    """Return what an operation for the row is for."""
    if parse(row.path).filter is not None:
        return Intent.ELEMENT
    return Intent.CLEAR if row.after is None else Intent.SET


def name_purpose(row: AttributeChange) -> str:
    """Say what an operation for the row is for."""
    intent = name_intent(row)
    return "remove an element of a list" if intent is Intent.ELEMENT and row.after is None else intent


def _group(rows: Iterable[AttributeChange], styles: PatchStyles) -> list[tuple[Intent, list[AttributeChange]]]:
    """Group rows that one operation has to make: elements of one list, and all rows written without a path."""
    groups: dict[tuple[Intent, str], list[AttributeChange]] = {}
    for row in rows:
        intent = name_intent(row)
        if intent is Intent.ELEMENT:
            key = _format_holder(parse(row.path))
        else:
            key = "" if styles.chosen[intent] in _OBJECTS else row.path
        groups.setdefault((intent, key), []).append(row)
    return [(intent, group) for (intent, _), group in groups.items()]


@dataclass(slots=True)
class _StepBuilder:
    """Builds operations in order. `present`: the user as it is after the operations so far."""

    present: dict[str, Any]
    styles: PatchStyles

    def build(self, intent: Intent, rows: Sequence[AttributeChange]) -> list[Operation]:
        style = self.styles.chosen[intent]
        if intent is Intent.ELEMENT:
            return self._build_elements(rows, style)
        if style in _EMPTY and any(isinstance(row.before, bool) for row in rows):
            return []
        values = {row.path: "" if style in _EMPTY else row.after for row in rows}
        for path, value in values.items():
            _set_value(self.present, parse(path), value)
        op = "add" if style in _ADDS else "replace"
        if style in _OBJECTS:
            return [{"op": op, "value": self._collect([parse(path) for path in values])}]
        if style is PatchStyle.REMOVE:
            return [{"op": "remove", "path": path} for path in values]
        return [{"op": op, "path": path, "value": value} for path, value in values.items()]

    def _build_elements(self, rows: Sequence[AttributeChange], style: PatchStyle) -> list[Operation]:
        holder = parse(rows[0].path)
        if style is PatchStyle.FILTER and not all(_finds(row, self.present) for row in rows):
            style = PatchStyle.LIST
        before = deepcopy(self.present)
        for row in rows:
            _change_element(self.present, row)
        match style:
            case PatchStyle.FILTER:
                return merge_elements([(row.path, build_patch_operation(row, before)) for row in rows])
            case PatchStyle.ADD_FILTER:
                operations = merge_elements([(row.path, build_patch_operation(row, before)) for row in rows])
                usable = all(row.after is not None and _finds(row, before) for row in rows)
                return [{**operation, "op": "add"} for operation in operations] if usable else []
            case PatchStyle.REMOVE_ADD:
                return [operation for row in rows for operation in _remove_and_add(row, before, self.present)]
        elements = _read_elements(self.present, holder)
        if style is PatchStyle.LIST_OBJECT:
            return [{"op": "replace", "value": self._collect([replace(holder, filter=None, sub=None)])}]
        return [{"op": "replace", "path": _format_holder(holder), "value": elements}]

    def _collect(self, paths: Iterable[Path]) -> dict[str, Any]:
        """Return the attributes of `paths` as an object, complex ones whole: a service may replace all their parts."""
        found: dict[str, Any] = {}
        for path in paths:
            top = path.urn or path.attribute
            found[top] = _without_read_only(self.present.get(top)) if path.urn else self.present.get(top)
        return found


def _finds(row: AttributeChange, user: Resource) -> bool:
    """Whether an operation with a filter reaches the element, or there is none to reach."""
    path = parse(row.path)
    return row.before is None or find_carrier(_read_elements(user, path), path, None) is not None


def _set_value(user: dict[str, Any], path: Path, value: Any) -> None:
    holder = user
    for name in (path.urn, path.attribute if path.sub else None):
        if name:
            inner = get(holder, name)
            holder[name] = dict(inner) if isinstance(inner, dict) else {}
            holder = holder[name]
    holder[path.sub or path.attribute] = value


def _change_element(user: dict[str, Any], row: AttributeChange) -> None:
    path = parse(row.path)
    elements = _read_elements(user, path)
    found = find_carrier(elements, path, row.before)
    if row.after is None:
        elements = clear_element(elements, found, path)
    else:
        elements = set_element(elements, found, path, row.after)
    _set_value(user, replace(path, filter=None, sub=None), elements)


def _read_elements(user: Resource, path: Path) -> list[dict[str, Any]]:
    holder = get(user, path.urn) if path.urn else user
    elements = get(holder, path.attribute)
    return [each for each in list_elements(elements) if isinstance(each, dict)]


def _remove_and_add(row: AttributeChange, before: Resource, after: Resource) -> list[Operation]:
    """Remove the element as it is by what it carries, then add it as it should be."""
    path = parse(row.path)
    found = find_carrier(_read_elements(before, path), path, row.before)
    operations: list[Operation] = []
    if found is not None:
        own = find_carrier([found], path, None) is not None
        selection = path.filter if own else ((path.sub or "value", str(row.before)),)
        operations.append({"op": "remove", "path": str(Path(path.urn, path.attribute, selection))})
    wanted = find_carrier(_read_elements(after, path), path, row.after)
    if row.after is not None and wanted is not None:
        operations.append({"op": "add", "path": _format_holder(path), "value": [wanted]})
    return operations


def _without_read_only(extension: Any) -> Any:
    """Return an extension without what a service works out itself: of the manager, all but the value."""
    if not isinstance(extension, dict):
        return extension
    kept = dict(extension)
    manager = kept.get("manager")
    if isinstance(manager, dict):
        kept["manager"] = {"value": manager.get("value")}
    return kept


def _describe_shape(operation: Operation) -> str:
    path, value = operation.get("path"), operation.get("value")
    where = "without a path" if path is None else "with a filter" if "[" in path else "with a path"
    return f"{operation['op']} {where} {_describe_value(value) if 'value' in operation else ''}".rstrip()


def _describe_value(value: Any) -> str:
    values = list(value.values()) if isinstance(value, dict) else [value]
    inner = [part for each in values for part in (each.values() if isinstance(each, dict) else [each])]
    if None in inner:
        return "null"
    if "" in inner:
        return "empty"
    return "list" if any(isinstance(each, list) for each in inner) else ""


def _format_holder(path: Path) -> str:
    return str(Path(path.urn, path.attribute))
