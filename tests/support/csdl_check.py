"""Judge Graph's documents by Microsoft's metadata: names of properties, their types, nullability and enumerations.

The type of a document is what its `@odata.context` says, that of a row its `@odata.type`. Types that the metadata
beside this file does not have are not looked into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_METADATA = Path(__file__).parent / "csdl" / "graph_subset.csdl.json"
_SETS = {
    "users": "user",
    "groups": "group",
    "servicePrincipals": "servicePrincipal",
    "directoryObjects": "directoryObject",
    "extensionProperties": "extensionProperty",
    "appRoleAssignedTo": "appRoleAssignment",
    "provisioning": "provisioningObjectSummary",
    "jobs": "synchronizationJob",
    "schema": "synchronizationSchema",
    "secrets": "synchronizationSecretKeyStringValuePair",
}
_UNKNOWN_SETS = {"applications", "organization"}
_SELECTED = re.compile(r"\((?![^()]*')(?:[^()]|\([^()]*\))*\)$")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?Z")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DURATION = re.compile(r"-?P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?")
_BEYOND = {"synchronizationSchema": {"provisioningTaskIdentifier"}}
"""Properties that Microsoft's own samples show and the metadata lacks."""
_DELTAS = {"manager@delta": "manager", "members@delta": "members"}


@cache
def types() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(_METADATA.read_text(encoding="utf-8"))["microsoft.graph"]
    return found


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with a document that Graph answered with 200; one line each, with its path."""
    context = str(document.get("@odata.context", ""))
    if "/$metadata#" not in context:
        return [f"@odata.context: {context!r}"]
    shown = context.partition("/$metadata#")[2].removesuffix("/$entity")
    name = _SELECTED.sub("", shown).rpartition("/")[2]
    name = _SELECTED.sub("", name)
    kind = _SETS.get(name.partition("(")[0])
    if kind is None:
        return [] if name in _UNKNOWN_SETS else [f"@odata.context: no such set {name!r}"]
    if "value" not in document:
        return list(_entity(document, kind, "", partial=True))
    return [
        fault
        for place, row in enumerate(document["value"])
        for fault in _entity(row, kind, f"value[{place}]", partial=True)
    ]


@cache
def _properties(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """All properties of a type, those of its base types too."""
    found = types()[kind]
    base = found.get("$BaseType", "").removeprefix("graph.")
    inherited = _properties(base) if base in types() else {}
    return {**inherited, **{name: one for name, one in found.items() if isinstance(one, dict)}}


@cache
def _is_open(kind: str) -> bool:
    found = types()[kind]
    base = found.get("$BaseType", "").removeprefix("graph.")
    # What is not in this part of the metadata may be anything.
    return bool(base) and base not in types()


def _entity(row: Any, kind: str, path: str, *, partial: bool = False) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"{path}: no object"
        return
    named = str(row.get("@odata.type", "")).removeprefix("#microsoft.graph.")
    kind = named if named in types() else kind
    properties = _properties(kind)
    for name, value in row.items():
        where = f"{path}.{name}"
        if name in _DELTAS:
            yield from _relations(value, where)
        elif name == "@removed":
            if value not in ({"reason": "changed"}, {"reason": "deleted"}):
                yield f"{where}: {value!r}"
        elif name.startswith("@odata.") or (kind == "user" and name.startswith("extension_")):
            continue
        elif name in properties:
            yield from _value(value, properties[name], where)
        elif name in _BEYOND.get(kind, ()):
            continue
        elif not _is_open(kind) and named not in {"device", "orgContact"}:
            yield f"{where}: {kind} has no such property"


def _relations(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: no list"
        return
    for one in value:
        if set(one) - {"@odata.type", "id", "@removed"} or not _GUID.fullmatch(str(one.get("id"))):
            yield f"{where}: {one!r}"


def _value(value: Any, facets: Mapping[str, Any], where: str) -> Iterator[str]:
    if facets.get("$Collection"):
        if not isinstance(value, list):
            yield f"{where}: no list"
            return
        for place, one in enumerate(value):
            yield from _one(one, facets, f"{where}[{place}]")
        return
    yield from _one(value, facets, where)


def _one(value: Any, facets: Mapping[str, Any], where: str) -> Iterator[str]:
    if value is None:
        if not facets.get("$Nullable") and facets.get("$Kind") != "NavigationProperty":
            yield f"{where}: null is not allowed"
        return
    kind = facets.get("$Type", "Edm.String")
    if kind.startswith("Edm."):
        if not _is_primitive(kind, value):
            yield f"{where}: {value!r} is no {kind}"
        return
    name = kind.removeprefix("graph.")
    if name not in types():
        return
    if types()[name]["$Kind"] == "EnumType":
        if value not in types()[name]:
            yield f"{where}: {value!r} is not in {name}"
        return
    yield from _entity(value, name, where)


def _is_primitive(kind: str, value: Any) -> bool:
    match kind:
        case "Edm.String":
            return isinstance(value, str)
        case "Edm.Boolean":
            return isinstance(value, bool)
        case "Edm.Int32" | "Edm.Int64":
            return isinstance(value, int) and not isinstance(value, bool)
        case "Edm.DateTimeOffset":
            return isinstance(value, str) and _TIME.fullmatch(value) is not None
        case "Edm.Guid":
            return isinstance(value, str) and _GUID.fullmatch(value) is not None
        case "Edm.Duration":
            return isinstance(value, str) and _DURATION.fullmatch(value) is not None
    raise AssertionError(f"what is {kind}?")
