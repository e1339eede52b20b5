"""Build request bodies: a change as a PatchOp (RFC 7644 §3.5.2), a new user as a resource (RFC 7643 §4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reconciler.core.model import Attributes, Resource, Value
from reconciler.core.paths import CORE, Path, compile_reader, parse
from reconciler.core.plan import AttributeChange

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def build_patch_body(changes: Iterable[AttributeChange], live: Resource, *, capitalised: bool) -> dict[str, Any]:
    """Build a PatchOp with an operation for each changed attribute. `capitalised`: `Replace`, as Entra writes it."""
    operations = _merge_elements([build_patch_operation(change, live) for change in changes])
    if capitalised:
        operations = [{**operation, "op": operation["op"].capitalize()} for operation in operations]
    return {"schemas": [PATCH_OP], "Operations": operations}


def build_patch_operation(change: AttributeChange, live: Resource) -> dict[str, Any]:
    """Build the operation for one changed attribute of a user that the target returned as `live`."""
    path = parse(change.path)
    if change.after is None:
        return {"op": "remove", "path": _format_removal_path(path)}
    if path.filter is not None and change.before is None and not _has_element(live, path, path.filter[0]):
        # RFC 7644 §3.5.2.3: replacing an element that the filter does not find fails with noTarget, so it is added. An
        # existing one is replaced: a second element of the same type would never be read.
        return {"op": "add", "path": _format_holder(path), "value": [_build_element(path, change.after)]}
    return {"op": "replace", "path": change.path, "value": change.after}


def _merge_elements(operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge sub-attributes of one new element (the city and country of a work address) into one operation."""
    merged: list[dict[str, Any]] = []
    elements: dict[tuple[str, str], dict[str, Any]] = {}
    for operation in operations:
        if operation["op"] == "add":
            (element,) = operation["value"]
            known = elements.setdefault((operation["path"], next(iter(element.values()))), element)
            if known is not element:
                known.update(element)
                continue
        merged.append(operation)
    return merged


def build_resource(attributes: Attributes) -> dict[str, Any]:
    """Build the User resource that has exactly `attributes`."""
    user: dict[str, Any] = {"schemas": [CORE]}
    for text, value in sorted(attributes.items()):
        path = parse(text)
        holder = user
        if path.urn is not None:
            if path.urn not in user["schemas"]:
                user["schemas"].append(path.urn)
            holder = user.setdefault(path.urn, {})
        _set_value(holder, path, value)
    return user


def _set_value(holder: dict[str, Any], path: Path, value: Value) -> None:
    if path.filter is not None:
        elements: list[dict[str, Any]] = holder.setdefault(path.attribute, [])
        name, selected = path.filter
        element = next((item for item in elements if item.get(name) == selected), None)
        if element is None:
            elements.append(_build_element(path, value))
        else:
            element[path.sub or "value"] = value
    elif path.sub is not None:
        holder.setdefault(path.attribute, {})[path.sub] = value
    else:
        holder[path.attribute] = value


def _build_element(path: Path, value: Value) -> dict[str, Any]:
    name, selected = path.filter or ("type", "work")
    return {name: selected, path.sub or "value": value}


def _has_element(live: Resource, path: Path, name: str) -> bool:
    return compile_reader(replace(path, sub=name))(live) is not None


def _format_holder(path: Path) -> str:
    return str(Path(path.urn, path.attribute))


def _format_removal_path(path: Path) -> str:
    """Remove a whole element with its value: otherwise one without a `value` remains."""
    whole = path.filter is not None and path.sub == "value"
    return str(Path(path.urn, path.attribute, path.filter)) if whole else str(path)
