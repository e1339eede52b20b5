"""How objects of the tenant look in answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from support.servers.graph.properties import DEFAULT, EXTENSION_ATTRIBUTES, is_extension, unset
from support.servers.graph.tenant import Assignment, DirectoryObject, Tenant


def type_name(kind: str) -> str:
    return f"#microsoft.graph.{kind}"


def value_of(entry: DirectoryObject, name: str) -> Any:
    """The value of a property as lists show it."""
    if name == "id":
        return entry.id
    if name == "deletedDateTime":
        return entry.deleted
    if name not in entry.properties:
        return unset(entry.kind, name)
    value = entry.properties[name]
    if name == "onPremisesExtensionAttributes" and value is not None:
        return {**dict.fromkeys(EXTENSION_ATTRIBUTES), **value}
    return value


def row(entry: DirectoryObject, names: Sequence[str], *, typed: bool = False) -> dict[str, Any]:
    """One object with these properties; a directory extension without a value is absent."""
    head: dict[str, Any] = {"@odata.type": type_name(entry.kind)} if typed else {}
    given = entry.properties
    for name in names:
        if given.get(name) is not None or not is_extension(name):
            head[name] = value_of(entry, name)
    return head


def limited_row(entry: DirectoryObject, names: Sequence[str]) -> dict[str, Any]:
    """What is shown of an object whose kind the token may not read: type and id, the rest null."""
    shown = {name: [] if unset(entry.kind, name) == [] else None for name in names if not is_extension(name)}
    return {"@odata.type": type_name(entry.kind), **shown, "id": entry.id}


def names_for(entry: DirectoryObject, selected: Sequence[str]) -> Sequence[str]:
    """The properties shown of an object in a list of several kinds."""
    return selected or DEFAULT[entry.kind]


def assignment_row(
    tenant: Tenant, application: DirectoryObject, assignment: Assignment, *, lagging: bool = False
) -> dict[str, Any] | None:
    """One assignment; None while its principal is deleted, unless the list lags behind."""
    principal = tenant.objects.get(assignment.principal)
    if principal is None or (principal.deleted is not None and not lagging):
        return None
    return {
        "id": assignment.id,
        "deletedDateTime": None,
        "appRoleId": assignment.role,
        "createdDateTime": assignment.created,
        "principalDisplayName": principal.properties.get("displayName"),
        "principalId": principal.id,
        "principalType": principal.kind[0].upper() + principal.kind[1:],
        "resourceDisplayName": application.properties["displayName"],
        "resourceId": application.id,
    }


def selected_of(document: Mapping[str, Any], selected: Sequence[str]) -> dict[str, Any]:
    """A document of a type that is kept as it is shown."""
    return {name: document[name] for name in selected if name in document} if selected else dict(document)
