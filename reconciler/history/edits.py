"""Edits of the desired state's files: entries (people, groups, mappings, whole documents) before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.field_change import Field, FieldChange, diff_fields
from reconciler.core.model import user_address
from reconciler.core.values import fold_case

USER, GROUP, MAPPING, DOCUMENT = "user", "group", "mapping", "document"


@dataclass(frozen=True, slots=True)
class Entity:
    """An entry of a file as written, flat: `lifecycle.expires` is a field. `name` is what it is called by."""

    kind: str
    name: str
    fields: Mapping[str, Field]
    file: str

    @property
    def object_id(self) -> str:
        """A person's objectId, folded; "" without."""
        return fold_case(str(self.fields.get("objectId", ""))) if self.kind == USER else ""

    @property
    def address(self) -> str:
        """As plans write it: `user["ada@example.com"]`."""
        return user_address(self.name).replace("user", self.kind, 1) if self.kind != DOCUMENT else self.name


class EditKind(StrEnum):
    """What an edit did to an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"
    """To another file, otherwise as it was."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a commit did to one entry."""

    kind: EditKind
    before: Entity | None
    after: Entity | None
    rows: tuple[FieldChange, ...]

    @property
    def entity(self) -> Entity:
        """The entry afterwards, or what it was."""
        found = self.after or self.before
        if found is None:
            raise AssertionError("one of both is there")
        return found

    @property
    def names(self) -> frozenset[str]:
        """What the entry is and was called, folded."""
        return frozenset(fold_case(each.name) for each in (self.before, self.after) if each is not None)

    @property
    def keys(self) -> frozenset[str]:
        """What applied changes of the person go by."""
        ids = {each.object_id for each in (self.before, self.after) if each is not None}
        return build_user_keys(self.names, ids)


def compare_entities(old: Iterable[Entity], new: Iterable[Entity]) -> list[Edit]:
    """The edits that make `new` of `old`: paired by objectId, then by name, so that renames and moves are seen."""
    before, after = list(old), list(new)
    edits = []
    for key in (_by_id, _by_name):
        known: dict[tuple[str, str], list[Entity]] = {}
        for each in before:
            known.setdefault(key(each), []).append(each)
        left = []
        for each in after:
            twins = known.get(key(each), []) if key(each)[1] else []
            twin = next((twin for twin in twins if _may_be_one(twin, each)), None)
            if twin is None:
                left.append(each)
            else:
                twins.remove(twin)
                edits.append(_edit(twin, each))
        before, after = [each for rest in known.values() for each in rest], left
    edits += [Edit(EditKind.REMOVED, each, None, diff_fields(each.fields, {})) for each in before]
    edits += [Edit(EditKind.ADDED, None, each, diff_fields({}, each.fields)) for each in after]
    told = [edit for edit in edits if edit.rows or edit.kind is not EditKind.CHANGED]
    return sorted(told, key=lambda edit: (edit.entity.kind != USER, edit.entity.address))


def _may_be_one(one: Entity, other: Entity) -> bool:
    """Two objectIds are two people, whatever they are called."""
    return not one.object_id or not other.object_id or one.object_id == other.object_id


def _by_id(entity: Entity) -> tuple[str, str]:
    return entity.kind, entity.object_id


def _by_name(entity: Entity) -> tuple[str, str]:
    return entity.kind, fold_case(entity.name)


def _edit(before: Entity, after: Entity) -> Edit:
    rows = diff_fields(before.fields, after.fields)
    moved = before.file != after.file and not rows
    return Edit(EditKind.MOVED if moved else EditKind.CHANGED, before, after, rows)


def merge_edits(by_parent: Sequence[Sequence[Edit]]) -> list[Edit]:
    """The edits that a merge made itself: those that none of its parents had."""
    first, *others = by_parent
    kept = []
    for edit in first:
        twins = [_twin(edit, edits) for edits in others]
        rows = tuple(row for row in edit.rows if all(_has(twin, row) for twin in twins))
        if all(twin is not None for twin in twins) and rows:
            kept.append(replace(edit, rows=rows))
    return kept


def _twin(edit: Edit, edits: Iterable[Edit]) -> Edit | None:
    here = edit.entity
    return next((each for each in edits if each.entity.kind == here.kind and edit.names & each.names), None)


def _has(edit: Edit | None, row: FieldChange) -> bool:
    return edit is not None and any((each.path, each.after) == (row.path, row.after) for each in edit.rows)


@dataclass(slots=True)
class TrackedUser:
    """Somebody whose history is asked for. Learns names and ids as edits, read from new to old, tell them."""

    names: set[str]
    ids: set[str] = field(default_factory=set)
    live_ids: set[str] = field(default_factory=set)

    def knows(self, entity: Entity | None) -> bool:
        """Whether it is this person: by objectId where both have one, else by name."""
        if entity is None or entity.kind != USER:
            return False
        identity = entity.object_id
        if identity and self.ids:
            return identity in self.ids
        return fold_case(entity.name) in self.names or identity in self.names

    def learn(self, entity: Entity) -> None:
        """Takes `entity` for this person."""
        self.names.add(fold_case(entity.name))
        if entity.object_id:
            self.ids.add(entity.object_id)

    def concerns(self, edit: Edit) -> Edit | None:
        """The edit, or the part of a group's that is about this person; None: it is not about them."""
        if edit.entity.kind == USER:
            found = [each for each in (edit.after, edit.before) if self.knows(each)]
            for each in (edit.after, edit.before) if found else ():
                if each is not None:
                    self.learn(each)
            return edit if found else None
        if edit.entity.kind == GROUP:
            rows = tuple(self._own(row) for row in edit.rows if self._is_in(row.before) or self._is_in(row.after))
            return replace(edit, rows=rows) if rows else None
        return None

    def _own(self, row: FieldChange) -> FieldChange:
        return FieldChange(row.path, self._those(row.before), self._those(row.after))

    def _those(self, value: object) -> tuple[str, ...] | None:
        mine = value if isinstance(value, tuple) else ()
        return tuple(each for each in mine if fold_case(each) in self.names | self.ids) or None

    def _is_in(self, value: object) -> bool:
        return self._those(value) is not None

    @property
    def keys(self) -> frozenset[str]:
        """What applied changes of this person go by."""
        return build_user_keys(self.names, self.ids)


def build_user_keys(names: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
    """What applied changes of a person so called go by: the address, and the externalId that is the objectId."""
    return frozenset([*(fold_case(user_address(name)) for name in names), *(f"id:{each}" for each in ids if each)])
