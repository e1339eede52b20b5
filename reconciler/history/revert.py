"""Plan the edits that restore entries to an earlier version. Pure.

Three versions count: the one to restore, the one that is undone, and today's. What was edited after the undone version
is a conflict, and stays unless the revert is forced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field, FieldChange, diff_fields
from reconciler.history.edits import Edit, EditKind, Entity, build_user_keys


@dataclass(frozen=True, slots=True)
class RevertStep:
    """One edit to make: `now` becomes `wanted`. `now` None: add it; `wanted` None: remove it.

    `fields`: the fields to set, None: unassign; empty if the whole entry becomes `wanted`.
    """

    now: Entity | None
    wanted: Entity | None
    fields: Mapping[str, Field | None] = field(default_factory=dict)

    @property
    def entity(self) -> Entity:
        """The entry that is edited."""
        found = self.wanted or self.now
        if found is None:
            raise AssertionError("a step has an entry before or after it")
        return found

    @property
    def result(self) -> Mapping[str, Field] | None:
        """The fields afterwards; None: it is removed."""
        if not self.fields or self.now is None:
            return self.wanted.fields if self.wanted is not None else None
        after = {**self.now.fields, **self.fields}
        return {path: value for path, value in after.items() if value is not None}

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """The fields that change."""
        return diff_fields(self.now.fields if self.now is not None else {}, self.result or {})


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that was edited since. `path` None: the entry as a whole."""

    address: str
    path: str | None
    now: Field | None
    wanted: Field | None
    why: str


@dataclass(slots=True)
class RevertPlan:
    """The edits to make, and the conflicts that were kept or forced."""

    steps: list[RevertStep] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def plan_revert(edits: Sequence[Edit], today: Iterable[Entity], *, force: bool) -> RevertPlan:
    """Return the edits to make today. `edits`: from the undone version to the one to restore. `today`: all entries now.

    `force`: overwrite what was edited since; conflicts are reported either way.
    """
    by_key: dict[str, Entity] = {}
    for each in today:
        for key in build_user_keys([each.name], [each.object_id]):
            by_key.setdefault(key, each)
    found = RevertPlan()
    for edit in edits:
        if edit.kind is not EditKind.MOVED:
            _plan_entry(edit, _find_today(edit, by_key), found, force=force)
    return found


def _find_today(edit: Edit, by_key: Mapping[str, Entity]) -> Entity | None:
    """Return the entry of today: by objectId before names, which users exchange."""
    ids = {each.object_id for each in (edit.before, edit.after) if each is not None and each.object_id}
    for key in [*sorted(build_user_keys([], ids)), *sorted(build_user_keys(edit.names, []))]:
        found = by_key.get(key)
        # Another user that has the name today stays as it is.
        if found is not None and (not ids or not found.object_id or found.object_id in ids):
            return found
    return None


def _plan_entry(edit: Edit, now: Entity | None, found: RevertPlan, *, force: bool) -> None:
    undone, wanted = edit.before, edit.after
    if now is None:
        if wanted is None:
            return
        if undone is not None:
            found.conflicts.append(Conflict(wanted.address, None, None, None, "removed since"))
        if undone is None or force:
            found.steps.append(RevertStep(None, wanted))
    elif wanted is None or undone is None:
        _plan_whole(undone, wanted, now, found, force=force)
    elif now.fields == undone.fields:
        found.steps.append(RevertStep(now, wanted))
    else:
        _plan_fields(undone, wanted, now, found, force=force)


def _plan_whole(undone: Entity | None, wanted: Entity | None, now: Entity, found: RevertPlan, *, force: bool) -> None:
    """Plan for an entry of today that is to be removed, or that is to come back and exists already."""
    if wanted is not None and now.fields == wanted.fields:
        return
    if undone is None or now.fields != undone.fields:
        why = "edited since" if undone is not None else "added since"
        found.conflicts.append(Conflict(now.address, None, None, None, why))
        if not force:
            return
    found.steps.append(RevertStep(now, wanted))


def _plan_fields(undone: Entity, wanted: Entity, now: Entity, found: RevertPlan, *, force: bool) -> None:
    fields: dict[str, Field | None] = {}
    for path in sorted(undone.fields.keys() | wanted.fields.keys()):
        then, target, is_now = undone.fields.get(path), wanted.fields.get(path), now.fields.get(path)
        if target in (then, is_now):
            continue
        if is_now != then:
            found.conflicts.append(Conflict(now.address, path, is_now, target, "edited since"))
        if is_now == then or force:
            fields[path] = target
    if fields:
        found.steps.append(RevertStep(now, wanted, fields))
