"""Read a SCIM resource, as returned by the target, as a normalised live user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from reconciler.core import paths
from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    LiveUser,
    OmittedActive,
    Resource,
    Value,
    select_matching_rows,
)
from reconciler.core.profile import Attribute, TargetProfile
from reconciler.core.scope.scim_filter import Predicate
from reconciler.core.untrusted_values import LONGEST_DATE, LONGEST_VALUE
from reconciler.core.values import InvalidValueError, is_text, parse_value, to_comparable


class LiveReader:
    """Reads live users for one set of mappings: the mapped attributes and the identifying ones.

    `keeps_resources`: live users hold the resource that they are read from. `omitted_active`: what it means that
    `active` is left out, if the profile does not know; None: not learnt yet, so it is read as true.
    """

    def __init__(
        self,
        profile: TargetProfile,
        mappings: Sequence[AttributeMapping],
        owned: Predicate,
        *,
        keeps_resources: bool = False,
        omitted_active: OmittedActive | None = None,
    ) -> None:
        self._owned = owned
        self._keeps_resources = keeps_resources
        known = profile.active_when_absent.value
        meaning = omitted_active if known is None else OmittedActive(str(known).lower())
        self._active_when_absent = None if meaning is OmittedActive.UNKNOWN else meaning is not OmittedActive.FALSE
        self._knows_omission = known is not None
        self._doubts_omission = known is None and meaning is not OmittedActive.TRUE
        rows = {row.path: row for row in profile.attributes}
        compared = {row.target: row.attribute for row in mappings if row.is_read}
        matching = select_matching_rows(mappings)
        self._matching = [row.attribute for row in matching]
        identifying = {row.target: row.attribute for row in matching}
        for path in ("userName", "externalId", "active"):
            identifying[path] = rows[path]
        self._compared = [_compile_attribute(attribute) for attribute in compared.values()]
        self._identifying = [
            _compile_attribute(attribute) for path, attribute in identifying.items() if path not in compared
        ]
        self._compares_active = "active" in compared
        parsed = [(target, paths.parse(target)) for target in compared]
        self._filtered = [(target, path, path.filter) for target, path in parsed if path.filter is not None]

    def read(self, resource: Resource) -> LiveUser:
        """Read the live user in `resource`, which must have an `id`. A value of a wrong type makes it `unreadable`."""
        attributes, unreadable = _read_values(self._compared, resource)
        known = attributes
        if self._identifying:
            identifying_only, identifying_problem = _read_values(self._identifying, resource)
            known, unreadable = {**attributes, **identifying_only}, unreadable or identifying_problem
        omits_active = "active" not in known
        if omits_active and self._compares_active and self._active_when_absent is not None:
            attributes["active"] = self._active_when_absent
        external_id = known.get("externalId")
        managed = self._owned(resource)
        return LiveUser(
            id=str(resource["id"]),
            user_name=str(known.get("userName", "")),
            external_id=None if external_id is None else str(external_id),
            active=bool(known.get("active", self._active_when_absent is not False)),
            attributes=attributes,
            managed=managed,
            adoptable=not managed and external_id is None and self._owned({**resource, "externalId": "x"}),
            match=tuple([to_comparable(attribute, known.get(attribute.path)) for attribute in self._matching]),
            last_modified=_read_last_modified(resource),
            unreadable=unreadable,
            omits_active=omits_active and self._doubts_omission,
            lacks_active=omits_active and not self._knows_omission,
            unselected=self._find_unselected(resource) if self._filtered else {},
            resource=resource if self._keeps_resources else None,
        )

    def _find_unselected(self, resource: Resource) -> dict[AttributePath, tuple[Resource, ...]]:
        """Return the elements of each list in which a filter finds none."""
        found: dict[AttributePath, tuple[Resource, ...]] = {}
        for target, path, conditions in self._filtered:
            held = paths.get(paths.get(resource, path.urn) if path.urn else resource, path.attribute)
            elements = paths.list_elements(held)
            if not elements:
                continue
            if not any(paths.meets(element, conditions) for element in elements):
                found[target] = tuple(element for element in elements if element.__class__ is dict)
        return found


_CompiledAttribute = tuple[AttributePath, str | None, str | None, Attribute, Callable[[Resource], Any]]
"""A path, the outer and inner key of its usual place (`name`, `givenName`; outer None: at the top level; inner None: no
usual place), its attribute, and the function that reads it from any place."""


class ResourceReader(Protocol):
    """Reads resources as live users."""

    def read(self, resource: Resource) -> LiveUser:
        """Read the live user in `resource`."""


class CombinedReader:
    """Reads each resource for several desired states: returns the first one's live user and keeps the others."""

    def __init__(self, first: LiveReader, others: Sequence[LiveReader]) -> None:
        self._first = first
        self._others = others
        self._kept: dict[int, list[LiveUser]] = {}

    def read(self, resource: Resource) -> LiveUser:
        """Read the live user for the first desired state."""
        found = self._first.read(resource)
        # By object identity: a user may be read more than once, and both live users must come from the same response.
        self._kept[id(found)] = [other.read(resource) for other in self._others]
        return found

    def read_others(self, users: Sequence[LiveUser]) -> list[list[LiveUser]]:
        """Return what each other reader read from the resources of these users, which `read` returned."""
        return [[self._kept[id(user)][number] for user in users] for number in range(len(self._others))]


def _compile_attribute(attribute: Attribute) -> _CompiledAttribute:
    path = paths.parse(attribute.path)
    read = paths.compile_reader(path)
    outer, inner = path.urn, path.attribute
    if path.sub is not None:
        outer, inner = path.attribute, path.sub
    simple = path.filter is None and (path.urn is None or path.sub is None) and is_text(attribute)
    return attribute.path, outer, inner if simple else None, attribute, read


def _read_values(compiled: Sequence[_CompiledAttribute], resource: Resource) -> tuple[dict[str, Value], str | None]:
    """Return the assigned values by path, and why one cannot be read."""
    values: dict[str, Value] = {}
    unreadable = None
    for path, outer, inner, attribute, read in compiled:
        holder = resource if outer is None else resource.get(outer)
        raw = holder.get(inner) if holder.__class__ is dict else None
        if raw.__class__ is str and inner is not None and len(raw) <= LONGEST_VALUE and raw.isascii():
            # What `parse_value` does, without its calls: this runs for each attribute of each live user.
            text = raw.strip()
            if text:
                values[path] = text
            continue
        try:
            value = parse_value(attribute, read(resource))
        except InvalidValueError as exc:
            unreadable = str(exc)
            continue
        if value.__class__ is str and len(value) > LONGEST_VALUE:
            unreadable = f"{path} has {len(value):,} characters, more than {LONGEST_VALUE:,}"
            continue
        if value is not None:
            values[path] = value
    return values, unreadable


def _read_last_modified(resource: Resource) -> str | None:
    value = paths.get(paths.get(resource, "meta"), "lastModified")
    return value if isinstance(value, str) and len(value) <= LONGEST_DATE else None
