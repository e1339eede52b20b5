"""Decide which missing users a CSV file lets an import disable or remove: as few as the command line asks for. Pure.

A file cannot prove that it lists everyone: --on-missing says so. It is believed for users that imports of CSV files
have added (by the file they are in), if the whole file could be read, and unless a new user may be the same person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.model import Severity, warning
from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.snapshot import GoneReason, Person, Snapshot

_EVIDENCE = ("employeeId", "mail", "displayName")
_REPORT = "report"


def confirm_missing(snapshot: Snapshot, users: Sequence[Entity], place: str, on_missing: str) -> Snapshot:
    """Return the snapshot with the users that it confirms to be gone. `place`: the file of new users."""
    if on_missing == _REPORT:
        return snapshot
    if any(item.severity is Severity.ERROR for item in snapshot.diagnostics):
        note = f"No missing user is confirmed to be gone (--on-missing {on_missing}), because the file has errors."
        return replace(snapshot, notes=(*snapshot.notes, note))
    listed = {key for person in snapshot.people for key in (fold_case(person.name), fold_case(person.object_id)) if key}
    missing = [user for user in users if listed.isdisjoint(_keys(user))]
    ours = [user for user in missing if _is_numbered(user.file, place)]
    new = _list_evidence(person.attributes for person in find_new(snapshot, users))
    renamed = [user for user in ours if not new.isdisjoint(_read_evidence(user.fields))]
    left = {id(user) for user in renamed}
    gone = {user.object_id or fold_case(user.name): GoneReason.NOT_LISTED for user in ours if id(user) not in left}
    note = (
        f"{pluralize(len(gone), 'missing user')} of {len(missing):,} may go (--on-missing {on_missing}): those in"
        f" {place}, where imports of CSV files add users."
    )
    diagnostics = list(snapshot.diagnostics)
    if renamed:
        summary = f"missing users may be in the file under another name: {_name(renamed)}"
        detail = "They share an employeeId, mail or name with a new user, and are left as they are."
        diagnostics.append(warning(summary, (detail, "For each of them, change userPrincipalName in users/ first.")))
    return replace(snapshot, gone=gone, notes=(*snapshot.notes, note), diagnostics=tuple(diagnostics))


def find_new(snapshot: Snapshot, users: Iterable[Entity]) -> Iterator[Person]:
    """Yield the people without an entry."""
    held = {key for user in users for key in _keys(user)}
    for person in snapshot.people:
        if held.isdisjoint({fold_case(person.name), fold_case(person.object_id)} - {""}):
            yield person


def _keys(user: Entity) -> set[str]:
    return {fold_case(user.name), user.object_id} - {""}


def _is_numbered(file: str, place: str) -> bool:
    """Whether a file is the one for new users, or one of those that follow it when it is full: `csv-2.yaml`."""
    return re.fullmatch(rf"{re.escape(place.removesuffix('.yaml'))}(-[0-9]+)?\.yaml", file) is not None


def _list_evidence(people: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {each for attributes in people for each in _read_evidence(attributes)}


def _read_evidence(attributes: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return what two entries of one person share, also if the userPrincipalName has changed."""
    found = {(name, fold_case(str(attributes[name]))) for name in _EVIDENCE if attributes.get(name)}
    given, family = attributes.get("givenName"), attributes.get("surname")
    return found | {("name", fold_case(f"{given} {family}"))} if given and family else found


def _name(users: Sequence[Entity]) -> str:
    return format_names([shorten(user.name, 80) for user in users])
