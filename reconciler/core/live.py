"""From a SCIM resource, as the target returned it, to a normalised live user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.core import paths
from reconciler.core.compare import UnreadableError, typed
from reconciler.core.filters import Predicate
from reconciler.core.model import Attribute, AttributeMapping, LiveUser, Resource, TargetProfile, Value


class LiveReader:
    """Reads live users for one set of mappings; only mapped attributes and the identifying ones are looked at."""

    def __init__(self, profile: TargetProfile, mappings: Sequence[AttributeMapping], owned: Predicate) -> None:
        self._owned = owned
        self._active_when_absent = bool(profile.active_when_absent.value)
        by_path = {row.path: row for row in profile.attributes}
        compared = {row.target: row.attribute for row in mappings if not row.create_only}
        matching = sorted((row for row in mappings if row.match), key=lambda row: row.match or 0)
        self._attributes = [(attribute, paths.reader(paths.parse(path))) for path, attribute in compared.items()]
        self._matching = [(row.attribute, paths.reader(paths.parse(row.target))) for row in matching]
        self._user_name = by_path["userName"]
        self._external_id = by_path["externalId"]
        self._active = by_path["active"]

    def read(self, resource: Resource) -> LiveUser:
        """The live user in `resource`, which must have an `id`; wrong types make it `unreadable`, never an error."""
        unreadable = None
        attributes: dict[str, Value] = {}
        for attribute, read in self._attributes:
            try:
                value = self._value(attribute, read(resource))
            except UnreadableError as fault:
                unreadable = str(fault)
                continue
            if value is not None:
                attributes[attribute.path] = value
        try:
            identity = self._identity(resource)
        except UnreadableError as fault:
            identity, unreadable = ("", None, True, ()), str(fault)
        user_name, external_id, active, match = identity
        managed = self._owned(resource)
        return LiveUser(
            id=str(resource["id"]),
            user_name=user_name,
            external_id=external_id,
            active=active,
            attributes=attributes,
            managed=managed,
            adoptable=not managed and external_id is None and self._owned({**resource, "externalId": "x"}),
            match=match,
            last_modified=_last_modified(resource),
            unreadable=unreadable,
        )

    def _value(self, attribute: Attribute, raw: Any) -> Value | None:
        value = typed(attribute, raw)
        # Apple leaves `active` out when it is true.
        return self._active_when_absent if value is None and attribute.path == "active" else value

    def _identity(self, resource: Resource) -> tuple[str, str | None, bool, tuple[Value | None, ...]]:
        user_name = typed(self._user_name, paths.get(resource, "userName"))
        external_id = typed(self._external_id, paths.get(resource, "externalId"))
        active = self._value(self._active, paths.get(resource, "active"))
        match = tuple(typed(attribute, read(resource)) for attribute, read in self._matching)
        return str(user_name or ""), None if external_id is None else str(external_id), bool(active), match


def _last_modified(resource: Resource) -> str | None:
    value = paths.get(paths.get(resource, "meta"), "lastModified")
    return value if isinstance(value, str) else None
