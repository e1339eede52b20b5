"""Edits of the desired state: entries (users, groups, mappings, whole documents) before and after. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.field_change import Field, FieldChange, diff_fields
from reconciler.core.model import format_user_address
from reconciler.core.values import fold_case

USER, GROUP, MAPPING, DOCUMENT = "user", "group", "mapping", "document"


@dataclass(frozen=True, slots=True)
class Entity:
    """An entry of a file as written, flat: `lifecycle.expires` is a field. `name`: the value that identifies it."""

    kind: str
    name: str
    fields: Mapping[str, Field]
    file: str

    @property
    def object_id(self) -> str:
        """The folded objectId of a user; "" without one."""
        return fold_case(str(self.fields.get("objectId", ""))) if self.kind == USER else ""

    @property
    def address(self) -> str:
        """The address as in plans: `user["ada@example.com"]`."""
        return format_user_address(self.name).replace("user", self.kind, 1) if self.kind != DOCUMENT else self.name


class EditKind(StrEnum):
    """What an edit did to an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"
    """To another file, otherwise unchanged."""
    UNREADABLE = "unreadable"
    """Of a file: this version has errors that hide its entries, which says nothing about them."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a commit did to one entry."""

    kind: EditKind
    before: Entity | None
    after: Entity | None
    rows: tuple[FieldChange, ...]

    @property
    def entity(self) -> Entity:
        """The entry after the edit, or before it if it was removed."""
        found = self.after or self.before
        if found is None:
            raise AssertionError("an edit has an entry before or after it")
        return found

    @property
    def names(self) -> frozenset[str]:
        """The folded names of the entry before and after."""
        return frozenset(fold_case(each.name) for each in (self.before, self.after) if each is not None)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of applied changes of the user."""
        ids = {each.object_id for each in (self.before, self.after) if each is not None}
        return build_user_keys(self.names, ids)


def compare_entities(old: Iterable[Entity], new: Iterable[Entity]) -> list[Edit]:
    """Return the edits from `old` to `new`. Entries pair by objectId, then by name, so renames and moves are found."""
    before, after = list(old), list(new)
    edits = []
    for key in (_by_id, _by_name):
        known: dict[tuple[str, str], list[Entity]] = {}
        for each in before:
            known.setdefault(key(each), []).append(each)
        left = []
        for each in after:
            twins = known.get(key(each), []) if key(each)[1] else []
            twin = next((twin for twin in twins if _can_be_same(twin, each)), None)
            if twin is None:
                left.append(each)
            else:
                twins.remove(twin)
                edits.append(_build_edit(twin, each))
        before, after = [each for rest in known.values() for each in rest], left
    edits += [Edit(EditKind.REMOVED, each, None, diff_fields(each.fields, {})) for each in before]
    edits += [Edit(EditKind.ADDED, None, each, diff_fields({}, each.fields)) for each in after]
    found = [edit for edit in edits if edit.rows or edit.kind is not EditKind.CHANGED]
    return sorted(found, key=lambda edit: (edit.entity.kind != USER, edit.entity.address))


def _can_be_same(one: Entity, other: Entity) -> bool:
    """Return whether both can be one entry: two objectIds are two users, whatever their names."""
    return not one.object_id or not other.object_id or one.object_id == other.object_id


def _by_id(entity: Entity) -> tuple[str, str]:
    return entity.kind, entity.object_id


def _by_name(entity: Entity) -> tuple[str, str]:
    return entity.kind, fold_case(entity.name)


def _build_edit(before: Entity, after: Entity) -> Edit:
    rows = diff_fields(before.fields, after.fields)
    moved = before.file != after.file and not rows
    return Edit(EditKind.MOVED if moved else EditKind.CHANGED, before, after, rows)


def report_unreadable(file: str) -> Edit:
    """Return the edit of a commit whose version of `file` cannot be read: nothing was removed by it."""
    return Edit(EditKind.UNREADABLE, None, Entity(DOCUMENT, file, {}, file), ())


def merge_edits(by_parent: Sequence[Sequence[Edit]]) -> list[Edit]:
    """Return the edits that a merge made itself: those that differ from all of its parents."""
    first, *others = by_parent
    kept = []
    for edit in first:
        twins = [_find_twin(edit, edits) for edits in others]
        rows = tuple(row for row in edit.rows if all(_has_row(twin, row) for twin in twins))
        if all(twin is not None for twin in twins) and (rows or edit.kind is EditKind.UNREADABLE):
            kept.append(replace(edit, rows=rows))
    return kept


def _find_twin(edit: Edit, edits: Iterable[Edit]) -> Edit | None:
    here = edit.entity
    return next((each for each in edits if each.entity.kind == here.kind and edit.names & each.names), None)


def _has_row(edit: Edit | None, row: FieldChange) -> bool:
    return edit is not None and any((each.path, each.after) == (row.path, row.after) for each in edit.rows)


@dataclass(slots=True)
class TrackedUser:
    """A user whose timeline is read. Learns more names and ids from edits, newest first."""

    names: set[str]
    ids: set[str] = field(default_factory=set)
    live_ids: set[str] = field(default_factory=set)

    def matches(self, entity: Entity | None) -> bool:
        """Return whether `entity` is this user: by objectId if both have one, else by name."""
        if entity is None or entity.kind != USER:
            return False
        identity = entity.object_id
        if identity and self.ids:
            return identity in self.ids
        return fold_case(entity.name) in self.names or identity in self.names

    def learn(self, entity: Entity) -> None:
        """Add name and objectId of `entity` to those of this user."""
        self.names.add(fold_case(entity.name))
        if entity.object_id:
            self.ids.add(entity.object_id)

    def select(self, edit: Edit) -> Edit | None:
        """Return the edit if it is about this user, or that part of a group's edit; else None. Learns from it."""
        if edit.entity.kind == USER:
            found = [each for each in (edit.after, edit.before) if self.matches(each)]
            for each in (edit.after, edit.before) if found else ():
                if each is not None:
                    self.learn(each)
            return edit if found else None
        if edit.entity.kind == GROUP:
            rows = tuple(
                self._narrow(row) for row in edit.rows if self._members(row.before) or self._members(row.after)
            )
            return replace(edit, rows=rows) if rows else None
        return None

    def _narrow(self, row: FieldChange) -> FieldChange:
        return FieldChange(row.path, self._members(row.before), self._members(row.after))

    def _members(self, value: object) -> tuple[str, ...] | None:
        mine = value if isinstance(value, tuple) else ()
        return tuple(each for each in mine if fold_case(each) in self.names | self.ids) or None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of applied changes of this user."""
        return build_user_keys(self.names, self.ids)


def build_user_keys(names: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
    """Return the keys of applied changes of a user: the addresses of its names, and its objectIds as externalId."""
    return frozenset(
        [*(fold_case(format_user_address(name)) for name in names), *(f"id:{each}" for each in ids if each)]
    )
