"""Edit the entries of people: values that the source has read, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field, FieldChange
from reconciler.core.values import fold_case
from reconciler.history.edits import USER, Entity
from reconciler.sources.import_plan import CurrentState, EntryEdit, KeptValue, MergeRules, MissingAction, MissingPerson
from reconciler.sources.merge_identity import Candidate
from reconciler.sources.merge_values import (
    ENABLED,
    ID,
    NAME,
    build_fields,
    can_import,
    is_disabled,
    is_same,
    order_attributes,
    to_field,
)
from reconciler.sources.placement import Placement

_IDENTITY = (ID, NAME)


@dataclass(slots=True)
class UserEdits:
    """The edits of users, by file and place, and the values of git that differ and stay."""

    edits: list[EntryEdit] = field(default_factory=list)
    kept: list[KeptValue] = field(default_factory=list)
    unchanged: int = 0


def edit_users(
    people: Sequence[Candidate],
    missing: Iterable[MissingPerson],
    attributes: Iterable[str],
    current: CurrentState,
    rules: MergeRules,
) -> UserEdits:
    """Return the edits of all entries. `people` are sorted by name: in this order new users get their files.

    `attributes`: those that the source has read.
    """
    result = UserEdits()
    imported = [each for each in sorted(attributes) if can_import(each) and each not in _IDENTITY]
    written = [each for each in imported if each not in rules.keep]
    kept = [each for each in imported if each in rules.keep]
    # Git owns what it has: a new user begins with the values of the source.
    first = order_attributes(imported)
    placement = Placement(rules.place, current.files, [each.file for each in current.users])
    edits = {id(edit.before): edit for edit in map(_edit_missing, missing) if edit is not None}
    new: dict[str, list[EntryEdit]] = {}
    for each in people:
        if each.entry is None:
            fields = build_fields(each.attributes, first)
            file = placement.choose(each.attributes)
            new.setdefault(file, []).append(EntryEdit(None, Entity(USER, each.name, fields, file)))
            continue
        result.kept += _list_kept(each, each.entry, kept)
        edit = _edit_entry(each, each.entry, written)
        result.unchanged += edit is None
        if edit is not None:
            edits[id(each.entry)] = edit
    result.edits = order_edits(current.users, edits, new)
    return result


def order_edits(
    entries: Iterable[Entity], edits: dict[int, EntryEdit], new: dict[str, list[EntryEdit]]
) -> list[EntryEdit]:
    """Return edits by file and place, new entries after those of their file. `edits`: by the id() of their entry."""
    by_file: dict[str, list[EntryEdit]] = {}
    for entry in entries:
        if id(entry) in edits:
            by_file.setdefault(entry.file, []).append(edits[id(entry)])
    for file, added in new.items():
        by_file.setdefault(file, []).extend(added)
    return [edit for file in sorted(by_file) for edit in by_file[file]]


def _edit_entry(person: Candidate, entry: Entity, attributes: Iterable[str]) -> EntryEdit | None:
    """Return the edit of an entry; None if it says what the source does."""
    changed: dict[str, Field | None] = {}
    reasons = []
    if entry.name != person.name:
        changed[NAME] = person.name
        if fold_case(entry.name) != fold_case(person.name):
            reasons.append(f"the {NAME} changed")
    if not entry.object_id and person.identity:
        changed[ID] = person.person.object_id
        reasons.append(f"found by its {NAME}")
    held = entry.fields
    for attribute in attributes:
        value = person.attributes.get(attribute)
        if not is_same(attribute, value, held.get(attribute)):
            changed[attribute] = to_field(attribute, value)
    if not changed:
        return None
    fields = {path: value for path, value in {**held, **changed}.items() if value is not None}
    return EntryEdit(entry, Entity(USER, person.name, fields, entry.file), ", ".join(reasons))


def _list_kept(person: Candidate, entry: Entity, attributes: Iterable[str]) -> list[KeptValue]:
    found = []
    for attribute in attributes:
        value, held = person.attributes.get(attribute), entry.fields.get(attribute)
        if not is_same(attribute, value, held):
            found.append(KeptValue(entry, FieldChange(attribute, held, to_field(attribute, value))))
    return found


def _edit_missing(missing: MissingPerson) -> EntryEdit | None:
    entry = missing.entity
    if missing.action is MissingAction.REMOVED:
        return EntryEdit(entry, None, missing.reason)
    if missing.action is MissingAction.DISABLED and not is_disabled(entry):
        return EntryEdit(
            entry, Entity(USER, entry.name, {**entry.fields, ENABLED: "false"}, entry.file), missing.reason
        )
    return None
