"""Merge the rows of Entra's synchronization schema into those of an existing mappings.yaml. Pure.

A row that git has and Entra has not stays. `match` and `when_null` of a row that git has are git's own: Entra remembers
which account belongs to which user, and has no counterpart of `when_null`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.field_change import Field
from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.untrusted_values import parse_count
from reconciler.core.values import fold_case
from reconciler.history.edits import MAPPING, Entity
from reconciler.sources.import_plan import EntryEdit

FILE = "mappings.yaml"
TARGET, MATCH, APPLY = "target", "match", "apply"
_OWN = (MATCH, "when_null")
_DEFAULTS = {APPLY: "always"}
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MappingEdits:
    """The edits of mappings.yaml, in the order of its rows, added ones at the end; and what readers must know."""

    edits: tuple[EntryEdit, ...]
    notes: tuple[str, ...]


def merge_mappings(rows: Sequence[Row], current: Sequence[Entity]) -> MappingEdits:
    """Return the edits that make `current` map as `rows` do."""
    wanted = {fold_case(row[TARGET]): row for row in rows}
    edits: list[EntryEdit] = []
    kept: list[str] = []
    for entity in current:
        row = wanted.pop(fold_case(entity.name), None)
        if row is None:
            kept.append(entity.name)
            continue
        after = _override(entity, row)
        if after != entity.fields:
            edits.append(EntryEdit(entity, Entity(MAPPING, entity.name, after, entity.file)))
    edits += [EntryEdit(None, Entity(MAPPING, row[TARGET], row, FILE)) for row in _renumber(wanted.values(), current)]
    return MappingEdits(tuple(edits), tuple(_list_notes(kept)))


def _override(entity: Entity, row: Row) -> Mapping[str, Field]:
    """Return the fields of a row of git with the rule of Entra's row."""
    ours = {key: value for key, value in entity.fields.items() if key in _OWN}
    theirs = {key: value for key, value in row.items() if key not in (*_OWN, TARGET)}
    before = {key: value for key, value in entity.fields.items() if key not in (*_OWN, TARGET)}
    if _without_defaults(before) == _without_defaults(theirs):
        return entity.fields
    return {TARGET: entity.fields[TARGET], **theirs, **ours}


def _without_defaults(fields: Mapping[str, Field]) -> dict[str, Field]:
    return {key: value for key, value in fields.items() if _DEFAULTS.get(key) != value}


def _renumber(rows: Iterable[Row], current: Sequence[Entity]) -> list[Row]:
    """Return rows to add, with a `match` after those that git has: two rows cannot have the same one."""
    highest = max((_read_number(entity.fields.get(MATCH)) for entity in current), default=0)
    numbers = sorted((_read_number(row[MATCH]), row[TARGET]) for row in rows if MATCH in row)
    places = {target: str(highest + place) for place, (_, target) in enumerate(numbers, 1)}
    return [{**row, MATCH: places[row[TARGET]]} if MATCH in row else row for row in rows]


def _read_number(value: Field | None) -> int:
    return parse_count(value) or 0


def _list_notes(kept: Sequence[str]) -> list[str]:
    if not kept:
        return []
    shown = format_names([shorten(each, 80) for each in kept])
    return [f"{pluralize(len(kept), 'row')} of {FILE} that Entra's schema does not have: {shown}. They stay."]
