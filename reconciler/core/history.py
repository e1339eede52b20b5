"""What became of the desired state, commit by commit, joined with what applies did. Pure.

A commit's side is *edits*: entries of the files (people, groups, mappings, whole documents) before and after. An
apply's side is *runs*, by their receipts and plans. What an apply corrected although nobody had edited it is drift.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from reconciler.core.compare import folded
from reconciler.core.model import Action, ActionReason, Result, Value, user_address

Field = str | tuple[str, ...]
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
        return folded(str(self.fields.get("objectId", ""))) if self.kind == USER else ""

    @property
    def address(self) -> str:
        """As plans write it: `user["ada@example.com"]`."""
        return user_address(self.name).replace("user", self.kind, 1) if self.kind != DOCUMENT else self.name


@dataclass(frozen=True, slots=True)
class Row:
    """One field before and after; None: unassigned. Of a list it is what went, and what came."""

    path: str
    before: Field | bool | None
    after: Field | bool | None


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says of itself: strangers' words. `subject` is the first line of its message."""

    id: str
    author: str
    email: str
    subject: str

    @property
    def pull_request(self) -> str | None:
        """The number that its subject names, as GitHub's and Azure's merges do; None: none."""
        found = _PULL_REQUEST.match(self.subject)
        return next(filter(None, found.groups())) if found is not None else None


_PULL_REQUEST = re.compile(r"Merge pull request #(\d{1,9})\b|Merged PR (\d{1,9}):|.*\(#(\d{1,9})\)\Z")


class Kind(StrEnum):
    """What an edit did to an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    MOVED = "moved"
    """To another file, otherwise as it was."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a commit did to one entry."""

    kind: Kind
    before: Entity | None
    after: Entity | None
    rows: tuple[Row, ...]

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
        return frozenset(folded(each.name) for each in (self.before, self.after) if each is not None)

    @property
    def keys(self) -> frozenset[str]:
        """What applied changes of the person go by."""
        ids = {each.object_id for each in (self.before, self.after) if each is not None}
        return keys_of(self.names, ids)


def compare(old: Iterable[Entity], new: Iterable[Entity]) -> list[Edit]:
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
    edits += [Edit(Kind.REMOVED, each, None, rows_of(each.fields, {})) for each in before]
    edits += [Edit(Kind.ADDED, None, each, rows_of({}, each.fields)) for each in after]
    told = [edit for edit in edits if edit.rows or edit.kind is not Kind.CHANGED]
    return sorted(told, key=lambda edit: (edit.entity.kind != USER, edit.entity.address))


def _may_be_one(one: Entity, other: Entity) -> bool:
    """Two objectIds are two people, whatever they are called."""
    return not one.object_id or not other.object_id or one.object_id == other.object_id


def _by_id(entity: Entity) -> tuple[str, str]:
    return entity.kind, entity.object_id


def _by_name(entity: Entity) -> tuple[str, str]:
    return entity.kind, folded(entity.name)


def _edit(before: Entity, after: Entity) -> Edit:
    rows = rows_of(before.fields, after.fields)
    moved = before.file != after.file and not rows
    return Edit(Kind.MOVED if moved else Kind.CHANGED, before, after, rows)


def rows_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Row, ...]:
    """The fields that differ, sorted by path."""
    return tuple(
        _row(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _row(path: str, before: Any, after: Any) -> Row:
    if isinstance(before, tuple) and isinstance(after, tuple) and set(before) != set(after):
        gone, came = set(before) - set(after), set(after) - set(before)
        return Row(path, tuple(each for each in before if each in gone), tuple(each for each in after if each in came))
    return Row(path, before, after)


def merged(by_parent: Sequence[Sequence[Edit]]) -> list[Edit]:
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


def _has(edit: Edit | None, row: Row) -> bool:
    return edit is not None and any((each.path, each.after) == (row.path, row.after) for each in edit.rows)


# --- people -----------------------------------------------------------------


@dataclass(slots=True)
class Person:
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
        return folded(entity.name) in self.names or identity in self.names

    def learn(self, entity: Entity) -> None:
        """Takes `entity` for this person."""
        self.names.add(folded(entity.name))
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

    def _own(self, row: Row) -> Row:
        return Row(row.path, self._those(row.before), self._those(row.after))

    def _those(self, value: object) -> tuple[str, ...] | None:
        mine = value if isinstance(value, tuple) else ()
        return tuple(each for each in mine if folded(each) in self.names | self.ids) or None

    def _is_in(self, value: object) -> bool:
        return self._those(value) is not None

    @property
    def keys(self) -> frozenset[str]:
        """What applied changes of this person go by."""
        return keys_of(self.names, self.ids)


def keys_of(names: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
    """What applied changes of a person so called go by: the address, and the externalId that is the objectId."""
    return frozenset([*(folded(user_address(name)) for name in names), *(f"id:{each}" for each in ids if each)])


# --- applies -----------------------------------------------------------------


def applied_keys(address: str, external_id: Value | None, live_id: str | None) -> frozenset[str]:
    """What a change of an account is found by; the service's id also where a record holds digests of all the rest."""
    ids = {f"id:{folded(str(external_id))}"} if external_id else set[str]()
    lives = {f"live:{live_id}"} if live_id else set[str]()
    return frozenset({folded(address), *ids, *lives})


@dataclass(frozen=True, slots=True)
class Applied:
    """One change as a plan has it on record, and how it ended; "" while nothing tells. Values may be digests."""

    address: str
    action: str
    reason: str
    detail: str
    live_id: str | None
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    result: str = ""
    message: str = ""
    time: datetime | None = None

    @property
    def keys(self) -> frozenset[str]:
        """What it is found by."""
        external = self.after.get("externalId") or self.before.get("externalId")
        return applied_keys(self.address, external, self.live_id)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The attributes that differ."""
        return rows_of(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan on record says besides what became of its changes. `digest`: of the files it was made of."""

    changes: Mapping[str, Applied]
    """By each of their keys."""
    digest: str
    version: str
    at: datetime
    unmanaged: int
    """Live accounts that were not managed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One apply: which plan, for which commit, what became of each change. `position`: of its commit, see `place`."""

    record: str
    plan_id: str
    commit: str | None
    began: datetime
    whole: bool
    changes: Mapping[str, Applied]
    """By each of their keys."""
    doubtful: frozenset[str] = frozenset()
    """Keys of people that could not be planned."""
    how: str = ""
    """`complete`, `interrupted`, `quarantined`; empty: it did not end."""
    left: int = 0
    """Changes that it did not begin."""
    ended: datetime | None = None
    position: int | None = None
    planned: Planned | None = None
    """None: the plan on record cannot be read."""
    key: str | None = None
    """Which key its digests were made with; None: it holds none."""

    @property
    def complete(self) -> bool:
        """Whether it did not leave anything out."""
        return self.how == "complete" and not self.left

    def find(self, keys: Iterable[str]) -> Applied | None:
        """The change of whoever goes by one of `keys`."""
        return next((self.changes[each] for each in sorted(keys) if each in self.changes), None)

    def settled(self, keys: Collection[str]) -> bool:
        """Whether whoever goes by one of `keys` was as desired after it."""
        if self.doubtful.intersection(keys):
            return False
        found = self.find(keys)
        if found is not None:
            return found.result == Result.DONE
        # Whoever was not in a plan for everybody was as desired already, however it ended.
        return self.whole and (self.complete or self._did_not_plan(keys))

    def _did_not_plan(self, keys: Collection[str]) -> bool:
        return self.planned is not None and not any(each in self.planned.changes for each in keys)


class Cause(StrEnum):
    """Why an apply changed somebody although no edit of theirs asked for it."""

    DRIFT = "drift corrected"
    DATE = "by date"
    CONFIGURATION = "by scope, mappings or settings"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edit: of the first apply that had it, and of those that tried again."""

    state: str
    run: Run | None = None
    applied: Applied | None = None


PENDING = Outcome("pending")


def outcome_of(keys: Collection[str], position: int | None, runs: Sequence[Run]) -> Outcome:
    """What became of an edit that landed at `position`, by `runs` from old to new."""
    last = PENDING
    for run in runs:
        if position is None or run.position is None or run.position < position:
            continue
        found = run.find(keys)
        if found is not None:
            last = Outcome("applied" if found.result == Result.DONE else found.result, run, found)
            if found.result == Result.DONE:
                break
        elif last is PENDING and run.settled(keys):
            return Outcome("nothing to apply", run)
    return last


@dataclass(frozen=True, slots=True)
class Window:
    """What was edited between the commits of two applies: fields of people by key, and which other files."""

    fields: Mapping[str, frozenset[str]]
    files: frozenset[str]
    dated: frozenset[str] = frozenset()
    """Keys of people with lifecycle dates."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """The rows of an applied change that no edit asked for, and why they were made."""

    cause: Cause
    rows: tuple[Row, ...]


def unasked(applied: Applied, window: Window, inputs: Mapping[str, frozenset[str]]) -> Unasked | None:
    """What of a change no edit in `window` asked for; None: all of it was asked for.

    `inputs`: the source attributes that each target path is made from.
    """
    edited = frozenset[str]().union(*(window.fields.get(each, frozenset()) for each in applied.keys))
    if applied.reason == ActionReason.INACTIVE_TOO_LONG:
        return Unasked(Cause.DATE, applied.rows)
    if applied.action != Action.UPDATE:
        dated = bool(window.dated & applied.keys)
        cause = Cause.DATE if dated else Cause.CONFIGURATION if window.files else Cause.DRIFT
        return None if edited else Unasked(cause, applied.rows)
    rows = tuple(row for row in applied.rows if not inputs.get(row.path, edited) & edited)
    cause = Cause.CONFIGURATION if window.files & {"mappings.yaml", "settings.yaml"} else Cause.DRIFT
    return Unasked(cause, rows) if rows else None


# --- the joined history ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history: an edit of a commit and what became of it, or a change that an apply found to make.

    `commit` is None where it is not known. `unasked` is None for an edit, `edit` for the other.
    """

    when: datetime
    commit: Commit | None
    pull_request: str | None
    outcome: Outcome
    edit: Edit | None = None
    unasked: Unasked | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """What changed."""
        return self.edit.rows if self.edit is not None else self.unasked.rows if self.unasked is not None else ()

    @property
    def address(self) -> str:
        """Whom or what it is about."""
        if self.edit is not None:
            return self.edit.entity.address
        return self.outcome.applied.address if self.outcome.applied is not None else ""


# --- where commits landed ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a commit came into the main line: the number of that commit from the first on, and its id."""

    position: int
    commit: str


def landings(parents: Mapping[str, Sequence[str]], tip: str) -> dict[str, Landing]:
    """For each commit below `tip`: the commit of the first-parent line that brought it in."""
    line = list(_main_line(parents, tip))
    found: dict[str, Landing] = {}
    for position, commit in enumerate(reversed(line)):
        landing = Landing(position, commit)
        waiting = [commit]
        while waiting:
            each = waiting.pop()
            if each not in found and each in parents:
                found[each] = landing
                waiting += parents[each]
    return found


def _main_line(parents: Mapping[str, Sequence[str]], tip: str) -> Iterator[str]:
    commit: str | None = tip
    while commit is not None and commit in parents:
        yield commit
        commit = next(iter(parents[commit]), None)
