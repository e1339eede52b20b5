"""Find entries that may be new people of a file under another name: without an id, a rename is two people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.snapshot import Person

STRONG = ("employeeId", "mail")
"""Attributes that two people hardly ever share."""
ANY = (*STRONG, "displayName", "name")
"""Those and full names: enough to let an entry stay."""


def find_same_people(
    new: Iterable[Person], missing: Iterable[Entity], evidence: Iterable[str]
) -> list[tuple[Entity, Person]]:
    """Return each missing entry with the first new person who shares one of the attributes `evidence` with it.

    Two different objectIds are two people.
    """
    names = tuple(evidence)
    people: dict[tuple[str, str], Person] = {}
    for person in new:
        for each in _read_evidence(person.attributes, names):
            people.setdefault(each, person)
    found = []
    for entry in missing:
        same = next((people[each] for each in _read_evidence(entry.fields, names) if each in people), None)
        if same is not None and not (entry.object_id and same.object_id):
            found.append((entry, same))
    return found


def _read_evidence(attributes: Mapping[str, Any], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return what two entries of one person share, also if the userPrincipalName has changed."""
    given, family = attributes.get("givenName"), attributes.get("surname")
    values = {**attributes, "name": f"{given} {family}" if given and family else ""}
    return [(name, fold_case(str(values[name]))) for name in names if values.get(name)]
