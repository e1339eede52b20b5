"""What has to be edited so that entries are again as they once were. Pure.

Three versions meet: the one to restore, the one that is undone, and today's. Whatever was edited after the undone
version is a conflict, and stays unless it is forced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field, FieldChange, diff_fields
from reconciler.history.edits import Edit, EditKind, Entity, build_user_keys


@dataclass(frozen=True, slots=True)
class RevertStep:
    """One edit to make: `now` becomes `wanted`. None on one side: it is added, or removed.

    `fields`: what to set, None: unassign; empty where all of it becomes `wanted`.
    """

    now: Entity | None
    wanted: Entity | None
    fields: Mapping[str, Field | None] = field(default_factory=dict)

    @property
    def entity(self) -> Entity:
        """Whom it is about."""
        found = self.wanted or self.now
        if found is None:
            raise AssertionError("one of both is there")
        return found

    @property
    def result(self) -> Mapping[str, Field] | None:
        """The fields afterwards; None: it is gone."""
        if not self.fields or self.now is None:
            return self.wanted.fields if self.wanted is not None else None
        after = {**self.now.fields, **self.fields}
        return {path: value for path, value in after.items() if value is not None}

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """What changes."""
        return diff_fields(self.now.fields if self.now is not None else {}, self.result or {})


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something edited since. `path` None: the entry as a whole."""

    address: str
    path: str | None
    now: Field | None
    wanted: Field | None
    why: str


@dataclass(slots=True)
class RevertPlan:
    """The edits to make, and what was left alone or forced."""

    steps: list[RevertStep] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def plan_revert(edits: Sequence[Edit], today: Iterable[Entity], *, force: bool) -> RevertPlan:
    """`edits` lead from the undone version to the one to restore; `today`: the entries as they are."""
    there: dict[str, Entity] = {}
    for each in today:
        for key in build_user_keys([each.name], [each.object_id]):
            there.setdefault(key, each)
    found = RevertPlan()
    for edit in edits:
        if edit.kind is not EditKind.MOVED:
            _decide(edit, _today(edit, there), found, force=force)
    return found


def _today(edit: Edit, there: Mapping[str, Entity]) -> Entity | None:
    """The entry as it is: by objectId before names, which people exchange."""
    ids = {each.object_id for each in (edit.before, edit.after) if each is not None and each.object_id}
    for key in [*sorted(build_user_keys([], ids)), *sorted(build_user_keys(edit.names, []))]:
        found = there.get(key)
        # A name that somebody else has today is no reason to touch them.
        if found is not None and (not ids or not found.object_id or found.object_id in ids):
            return found
    return None


def _decide(edit: Edit, now: Entity | None, found: RevertPlan, *, force: bool) -> None:
    undone, wanted = edit.before, edit.after
    if now is None:
        if wanted is None:
            return
        if undone is not None:
            found.conflicts.append(Conflict(wanted.address, None, None, None, "removed since"))
        if undone is None or force:
            found.steps.append(RevertStep(None, wanted))
    elif wanted is None or undone is None:
        _decide_whole(undone, wanted, now, found, force=force)
    elif now.fields == undone.fields:
        found.steps.append(RevertStep(now, wanted))
    else:
        _decide_fields(undone, wanted, now, found, force=force)


def _decide_whole(undone: Entity | None, wanted: Entity | None, now: Entity, found: RevertPlan, *, force: bool) -> None:
    """Somebody who is to go, or to come back and is there already."""
    if wanted is not None and now.fields == wanted.fields:
        return
    if undone is None or now.fields != undone.fields:
        why = "edited since" if undone is not None else "added since"
        found.conflicts.append(Conflict(now.address, None, None, None, why))
        if not force:
            return
    found.steps.append(RevertStep(now, wanted))


def _decide_fields(undone: Entity, wanted: Entity, now: Entity, found: RevertPlan, *, force: bool) -> None:
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
