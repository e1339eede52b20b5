"""Build request bodies: a change as a PatchOp (RFC 7644 §3.5.2), a new user as a resource (RFC 7643 §4.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.core.model import AttributePath, Attributes, Resource, Value
from reconciler.core.paths import CORE, Path, get, list_elements, meets, parse
from reconciler.core.plan import AttributeChange

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def build_patch_operation(change: AttributeChange, live: Resource) -> dict[str, Any]:
    """Build the operation for one changed attribute of a user that the target returned as `live`, as the RFC says."""
    path = parse(change.path)
    if change.after is None:
        return {"op": "remove", "path": _format_removal_path(path)}
    if path.filter is not None and change.before is None and not _has_element(live, path):
        # RFC 7644 §3.5.2.3: replacing an element that the filter does not find fails with noTarget, so it is added. An
        # existing one is replaced: a second element of the same type would never be read.
        return {"op": "add", "path": _format_holder(path), "value": [_build_element(path, change.after)]}
    return {"op": "replace", "path": str(path), "value": change.after}


def merge_elements(operations: list[tuple[AttributePath, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Merge sub-attributes of one new element (the city and country of a work address) into one operation."""
    merged: list[dict[str, Any]] = []
    elements: dict[Path, dict[str, Any]] = {}
    for text, operation in operations:
        if operation["op"] == "add":
            (element,) = operation["value"]
            known = elements.setdefault(replace(parse(text), sub=None), element)
            if known is not element:
                known.update(element)
                continue
        merged.append(operation)
    return merged


def build_resource(attributes: Attributes) -> dict[str, Any]:
    """Build the User resource that has exactly `attributes`."""
    user: dict[str, Any] = {"schemas": [CORE]}
    elements: dict[Path, dict[str, Any]] = {}
    for text, value in sorted(attributes.items()):
        path = parse(text)
        holder = user
        if path.urn is not None:
            if path.urn not in user["schemas"]:
                user["schemas"].append(path.urn)
            holder = user.setdefault(path.urn, {})
        if path.filter is not None:
            element = _build_element(path, value)
            known = elements.setdefault(replace(path, sub=None), element)
            if known is element:
                holder.setdefault(path.attribute, []).append(element)
            else:
                known.update(element)
        elif path.sub is not None:
            holder.setdefault(path.attribute, {})[path.sub] = value
        else:
            holder[path.attribute] = value
    return user


def _build_element(path: Path, value: Value) -> dict[str, Any]:
    return {**dict(path.filter or ()), path.sub or "value": value}


def _has_element(live: Resource, path: Path) -> bool:
    holder = get(live, path.urn) if path.urn else live
    elements = get(holder, path.attribute)
    return any(meets(element, path.filter or ()) for element in list_elements(elements))


def _format_holder(path: Path) -> str:
    return str(Path(path.urn, path.attribute))


def _format_removal_path(path: Path) -> str:
    """Remove a whole element with its value: otherwise one without a `value` remains."""
    whole = path.filter is not None and path.sub == "value"
    return str(Path(path.urn, path.attribute, path.filter)) if whole else str(path)
