"""Decide which missing users a CSV file lets an import disable or remove: as few as the command line asks for. Pure.

A file cannot prove that it lists everyone: --on-missing says so. It is believed for users that imports of CSV files
have added (by the file they are in), if the whole file could be read, and unless a new user may be the same person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.core.model import Severity, warning
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.csv_file.same_person import ANY, STRONG, find_same_people
from reconciler.sources.snapshot import GoneReason, Person, Snapshot

_REPORT = "report"
_ADDED = "They share an employeeId or mail with a new user, who is added as another person."
_STAYS = "They share an employeeId, mail or name with a new user, and are left as they are."
_SHOWN = 5


def confirm_missing(snapshot: Snapshot, users: Sequence[Entity], place: str, on_missing: str) -> Snapshot:
    """Return the snapshot with the users that it confirms to be gone, and a warning about users that were renamed.

    `place`: the file of new users.
    """
    listed = {key for person in snapshot.people for key in (fold_case(person.name), fold_case(person.object_id)) if key}
    missing = [user for user in users if listed.isdisjoint(_keys(user))]
    new = list(find_new(snapshot, users))
    if on_missing == _REPORT:
        return _warn(snapshot, find_same_people(new, missing, STRONG), _ADDED)
    if any(item.severity is Severity.ERROR for item in snapshot.diagnostics):
        note = f"No missing user is confirmed to be gone (--on-missing {on_missing}), because the file has errors."
        return replace(snapshot, notes=(*snapshot.notes, note))
    ours = [user for user in missing if _is_numbered(user.file, place)]
    renamed = find_same_people(new, ours, ANY)
    left = {id(user) for user, _ in renamed}
    gone = {user.object_id or fold_case(user.name): GoneReason.NOT_LISTED for user in ours if id(user) not in left}
    note = (
        f"{pluralize(len(gone), 'missing user')} of {len(missing):,} may go (--on-missing {on_missing}): those in"
        f" {place}, where imports of CSV files add users."
    )
    return _warn(replace(snapshot, gone=gone, notes=(*snapshot.notes, note)), renamed, _STAYS)


def _warn(snapshot: Snapshot, renamed: Sequence[tuple[Entity, Person]], consequence: str) -> Snapshot:
    """Return the snapshot with a warning about users that may have been renamed, if there are any."""
    if not renamed:
        return snapshot
    pairs = [f"{quote(shorten(old.name, 80))} as {quote(shorten(new.name, 80))}" for old, new in renamed[:_SHOWN]]
    more = f" and {len(renamed) - _SHOWN:,} more" if len(renamed) > _SHOWN else ""
    summary = f"missing users may be in the file under another name: {', '.join(pairs)}{more}"
    detail = "If they are the same people, change userPrincipalName in users/ first, or give both the objectId."
    return replace(snapshot, diagnostics=(*snapshot.diagnostics, warning(summary, (consequence, detail))))


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
