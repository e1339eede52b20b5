"""From a SCIM resource, as the target returned it, to a normalised live user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from reconciler.core import paths
from reconciler.core.model import AttributeMapping, AttributePath, LiveUser, Resource, Value, select_matching_rows
from reconciler.core.profile import Attribute, TargetProfile
from reconciler.core.scope.scim_filter import Predicate
from reconciler.core.values import InvalidValueError, is_text, parse_value, to_comparable


class LiveReader:
    """Reads live users for one set of mappings; only mapped attributes and the identifying ones are looked at."""

    def __init__(self, profile: TargetProfile, mappings: Sequence[AttributeMapping], owned: Predicate) -> None:
        self._owned = owned
        self._active_when_absent = bool(profile.active_when_absent.value)
        rows = {row.path: row for row in profile.attributes}
        compared = {row.target: row.attribute for row in mappings if row.is_read}
        matching = select_matching_rows(mappings)
        self._matching = [row.attribute for row in matching]
        identifying = {row.target: row.attribute for row in matching}
        for path in ("userName", "externalId", "active"):
            identifying[path] = rows[path]
        self._compared = [_reading(attribute) for attribute in compared.values()]
        self._further = [_reading(attribute) for path, attribute in identifying.items() if path not in compared]
        self._compares_active = "active" in compared

    def read(self, resource: Resource) -> LiveUser:
        """The live user in `resource`, which must have an `id`; wrong types make it `unreadable`, never an error."""
        attributes, unreadable = _values(self._compared, resource)
        if self._compares_active:
            # Apple leaves `active` out when it is true.
            attributes.setdefault("active", self._active_when_absent)
        known = attributes
        if self._further:
            further, also_unreadable = _values(self._further, resource)
            known, unreadable = {**attributes, **further}, unreadable or also_unreadable
        external_id = known.get("externalId")
        managed = self._owned(resource)
        return LiveUser(
            id=str(resource["id"]),
            user_name=str(known.get("userName", "")),
            external_id=None if external_id is None else str(external_id),
            active=bool(known.get("active", self._active_when_absent)),
            attributes=attributes,
            managed=managed,
            adoptable=not managed and external_id is None and self._owned({**resource, "externalId": "x"}),
            match=tuple([to_comparable(attribute, known.get(attribute.path)) for attribute in self._matching]),
            last_modified=_last_modified(resource),
            unreadable=unreadable,
        )


_Reading = tuple[AttributePath, str | None, str | None, Attribute, Callable[[Resource], Any]]
"""A path, the two keys under which text of it mostly stands (`name`, `givenName`; outer None: at the top), and how to
read it in general. Inner None: only in general."""


class ResourceReader(Protocol):
    """Whatever reads live users."""

    def read(self, resource: Resource) -> LiveUser:
        """The live user in `resource`."""


class CombinedReader:
    """Reads each resource for several desired states: gives the first one's live user, and keeps those of others."""

    def __init__(self, first: LiveReader, others: Sequence[LiveReader]) -> None:
        self._first = first
        self._others = others
        self._kept: dict[int, list[LiveUser]] = {}

    def read(self, resource: Resource) -> LiveUser:
        """As the first reader."""
        found = self._first.read(resource)
        # By object: a user may be read more than once, and the two must be of one answer.
        self._kept[id(found)] = [other.read(resource) for other in self._others]
        return found

    def others(self, users: Sequence[LiveUser]) -> list[list[LiveUser]]:
        """What each other reader made of the same resources as these users, who must all still exist."""
        return [[self._kept[id(user)][number] for user in users] for number in range(len(self._others))]


def _reading(attribute: Attribute) -> _Reading:
    path = paths.parse(attribute.path)
    read = paths.compile_reader(path)
    outer, inner = path.urn, path.attribute
    if path.sub is not None:
        outer, inner = path.attribute, path.sub
    simple = path.filter is None and (path.urn is None or path.sub is None) and is_text(attribute)
    return attribute.path, outer, inner if simple else None, attribute, read


def _values(readings: Sequence[_Reading], resource: Resource) -> tuple[dict[str, Value], str | None]:
    """The assigned values by path, and what is wrong with one that cannot be read."""
    values: dict[str, Value] = {}
    unreadable = None
    for path, outer, inner, attribute, read in readings:
        holder = resource if outer is None else resource.get(outer)
        raw = holder.get(inner) if holder.__class__ is dict else None
        if raw.__class__ is str and raw.isascii() and inner is not None:
            # What `parse_value` does, without its calls: this runs for each attribute of each live user.
            text = raw.strip()
            if text:
                values[path] = text
            continue
        try:
            value = parse_value(attribute, read(resource))
        except InvalidValueError as fault:
            unreadable = str(fault)
            continue
        if value is not None:
            values[path] = value
    return values, unreadable


def _last_modified(resource: Resource) -> str | None:
    value = paths.get(paths.get(resource, "meta"), "lastModified")
    return value if isinstance(value, str) else None
