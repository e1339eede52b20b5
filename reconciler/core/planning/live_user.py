"""Read a SCIM resource, as returned by the target, as a normalised live user."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
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
from reconciler.core.profile import Attribute, Comparison, TargetProfile
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
        self._matching = [(row.attribute.path, _is_folded(row.attribute), row.attribute) for row in matching]
        identifying = {row.target: row.attribute for row in matching}
        for path in ("userName", "externalId", "active"):
            identifying[path] = rows[path]
        unique = identifying.keys()
        self._compared = _compile_attributes(compared.values(), unique)
        self._identifying = _compile_attributes(
            [attribute for path, attribute in identifying.items() if path not in compared], unique
        )
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
            match=tuple(
                [_fold(attribute, known.get(path), is_folded) for path, is_folded, attribute in self._matching]
            ),
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


_MOST_SHARED = 4096
"""Values of an attribute that are known when they come again: departments and locales are few, names are not."""
_NOTHING: dict[str, Any] = {}


class _AttributeReader:
    """Reads one attribute of resources.

    `outer` and `key`: its usual place, the object (None: the resource itself) and the key in it (None: no usual place).
    `shared`: up to `most_shared` texts that came before, and their values.
    """

    def __init__(self, attribute: Attribute, *, is_unique: bool) -> None:
        path = paths.parse(attribute.path)
        is_simple = path.filter is None and (path.urn is None or path.sub is None)
        self.path = attribute.path
        self.outer = path.urn if path.sub is None else path.attribute
        self.key = (path.attribute if path.sub is None else path.sub) if is_simple else None
        self.kind = str if is_text(attribute) else bool
        self.shared: dict[str, Value] = {}
        self.most_shared = _MOST_SHARED if self.kind is str and not is_unique else 0
        self._attribute = attribute
        self._read = paths.compile_reader(path)

    def read(self, resource: Resource, holder: dict[str, Any], raw: Any) -> tuple[Value | None, str | None]:
        """Return the value, None if it is not assigned, and why it cannot be read; `raw`: what the usual place has."""
        if raw is None and self.key is not None and holder and paths.has_usual_spelling(tuple(holder)):
            return None, None  # it would be looked for in another case
        try:
            value = parse_value(self._attribute, self._read(resource))
        except InvalidValueError as exc:
            return None, str(exc)
        if value.__class__ is str and len(value) > LONGEST_VALUE:
            return None, f"{self.path} has {len(value):,} characters, more than {LONGEST_VALUE:,}"
        if raw.__class__ is str and value and len(self.shared) < self.most_shared:
            self.shared[raw] = value
        return value, None


_Row = tuple[
    AttributePath, str | None, type[Any], dict[str, Value], int, Callable[..., tuple[Value | None, str | None]]
]
"""What is used of an `_AttributeReader` for each user: path, key, kind, shared, most_shared, read."""


def _compile_attributes(
    attributes: Iterable[Attribute], unique: Collection[AttributePath]
) -> list[tuple[str | None, list[_Row]]]:
    """Compile attributes in their order: those next to each other in one object, after the key of that object."""
    readers = [_AttributeReader(each, is_unique=each.path in unique) for each in attributes]
    return [
        (outer, [(each.path, each.key, each.kind, each.shared, each.most_shared, each.read) for each in group])
        for outer, group in groupby(readers, key=lambda each: each.outer)
    ]


def _read_values(
    groups: Sequence[tuple[str | None, Sequence[_Row]]], resource: Resource
) -> tuple[dict[str, Value], str | None]:
    """Return the assigned values by path, and why one cannot be read.

    Plain values are read here, as `parse_value` does, because a call for each of them would take most of the time.
    """
    values: dict[str, Value] = {}
    unreadable = None
    for outer, rows in groups:
        holder: Any = resource if outer is None else resource.get(outer)
        if holder.__class__ is not dict:
            holder = _NOTHING
        for path, key, kind, shared, most_shared, read in rows:
            raw: Any = holder.get(key)
            if raw.__class__ is not kind:
                value, problem = read(resource, holder, raw)
                unreadable = problem or unreadable
            elif raw in shared:
                value = shared[raw]
            elif kind is bool:
                value = raw
            elif raw.isascii() and len(raw) <= LONGEST_VALUE:
                value = raw.strip() or None
                if len(shared) < most_shared and value:
                    shared[raw] = value
            else:
                value, problem = read(resource, holder, raw)
                unreadable = problem or unreadable
            if value is not None:
                values[path] = value
    return values, unreadable


def _is_folded(attribute: Attribute) -> bool:
    """Whether ASCII text is compared in lower case."""
    return attribute.comparison in (Comparison.CASE_PRESERVING, Comparison.CASE_INSENSITIVE)


def _fold(attribute: Attribute, value: Value | None, is_folded: bool) -> Value | None:
    if is_folded and value.__class__ is str and value.isascii():
        return value.lower()
    return to_comparable(attribute, value)


def _read_last_modified(resource: Resource) -> str | None:
    meta = resource.get("meta")
    value = meta.get("lastModified") if meta.__class__ is dict else None
    if value is None:
        value = paths.get(paths.get(resource, "meta"), "lastModified")
    return value if isinstance(value, str) and len(value) <= LONGEST_DATE else None
