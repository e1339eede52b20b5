"""The past of a desired state: commits of the directory joined with the applies on record, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice

from reconciler.core.paths import shorten_path
from reconciler.core.plan import Result
from reconciler.git.commit import Commit
from reconciler.git.commits import Commits, FileChange
from reconciler.history.edits import (
    MAPPING,
    USER,
    Edit,
    Entity,
    TrackedUser,
    build_user_keys,
    compare_entities,
    merge_edits,
)
from reconciler.history.outcomes import (
    Cause,
    EditOutcome,
    EditWindow,
    TimelineEntry,
    UnrequestedChange,
    find_merge_points,
    find_unrequested_change,
    resolve_outcome,
)
from reconciler.history.yaml_entries import PieceFilter, detect_kind, diff_entries, parse_entries
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import AppliedChange, ApplyRun

_KELVIN = "\N{KELVIN SIGN}".encode()
"""The one character besides ASCII that becomes an ASCII letter in small letters."""
_WINDOWS = 64
_TOGETHER = 32
"""Commits whose files are asked for at once."""
_Placed = tuple[int, TimelineEntry]
"""An entry, and the position of the commit that it belongs to."""


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """The fields a history is about: source attributes and target paths. Nothing given: all."""

    sources: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()

    def of(self, entry: TimelineEntry) -> TimelineEntry | None:
        """The entry, less other fields; None: nothing is left."""
        if not self.sources and not self.targets:
            return entry
        if entry.edit is not None:
            entity = entry.edit.entity
            if entity.kind == MAPPING and entity.name in self.targets:
                return entry
            rows = tuple(row for row in entry.edit.rows if row.path in self.sources and entity.kind == USER)
            return replace(entry, edit=replace(entry.edit, rows=rows)) if rows else None
        if entry.unrequested_change is not None:
            rows = tuple(row for row in entry.unrequested_change.rows if row.path in self.targets)
            return replace(entry, unrequested_change=replace(entry.unrequested_change, rows=rows)) if rows else None
        return None


def select_fields(name: str, inputs: Mapping[str, frozenset[str]]) -> FieldSelection:
    """What `--attribute` means: a source attribute, and the targets made of it; or a target, and what it is made of."""
    targets = {path for path in inputs if name in (path, shorten_path(path))}
    if targets:
        sources = frozenset[str]().union(*(inputs[path] for path in targets))
    else:
        sources, targets = frozenset({name}), {path for path, used in inputs.items() if name in used}
    return FieldSelection(sources, frozenset([*targets, *map(shorten_path, targets)]))


class Timeline:
    """Reads as much of the past as it is asked for. `runs`: the applies on record, from old to new."""

    def __init__(
        self,
        repository: Commits,
        tip: str,
        runs: Sequence[ApplyRun],
        inputs: Mapping[str, frozenset[str]],
        redactor: Redactor = NO_REDACTION,
    ) -> None:
        self._repository = repository
        self._tip = tip
        self._inputs = inputs
        self._redactor = redactor
        self._nodes = repository.graph(tip)
        self._merge_points = find_merge_points({node.id: node.parents for node in self._nodes}, tip)
        self._runs = [replace(run, position=self._position(run.commit)) for run in runs]
        self._window = lru_cache(_WINDOWS)(self._read_window)
        self._dated = lru_cache(_WINDOWS)(self._read_dated)

    def _position(self, commit: str | None) -> int | None:
        merge_point = self._merge_points.get(commit) if commit is not None else None
        return merge_point.position if merge_point is not None else None

    # --- somebody, or everybody ------------------------------------------------------

    def of(self, person: TrackedUser, since: datetime | None, fields: FieldSelection) -> list[TimelineEntry]:
        """What happened to one person. What they were called before is followed through git."""
        found = self._person_at_tip(person)
        edits = list(self._edits(since=None, person=person))
        if not found:
            # A name that is gone: newer edits are told apart only now that the objectId is known.
            edits = list(self._edits(since=None, person=person))
        told = [placed for placed in edits if since is None or placed[1].when >= since]
        corrected = self._corrected(since, person)
        return [kept for each in _newest_first(told, corrected) if (kept := fields.of(each)) is not None]

    def of_all(self, since: datetime | None, fields: FieldSelection) -> Iterator[TimelineEntry]:
        """What happened to everybody and everything."""
        for entry in _newest_first(self._edits(since=since), self._corrected(since, None)):
            kept = fields.of(entry)
            if kept is not None:
                yield kept

    def _person_at_tip(self, person: TrackedUser) -> bool:
        wanted = _mentions(person)
        for name, blob in self._repository.files(self._tip).items():
            if detect_kind(name) == USER:
                for entity in parse_entries(name, self._repository.blob(blob), wanted):
                    if person.knows(entity):
                        person.learn(entity)
                        return True
        return False

    # --- commits ------------------------------------------------------

    def _edits(self, *, since: datetime | None, person: TrackedUser | None = None) -> Iterator[_Placed]:
        times = {node.id: node.time for node in self._nodes if since is None or node.time >= since}
        found = self._repository.changes(times)
        while together := list(islice(found, _TOGETHER if person is not None else 1)):
            self._repository.expect(change for _, changes in together for change in changes if detect_kind(change.name))
            for commit, changes in together:
                for edit in self._edits_of(changes, person):
                    yield self._merge_points[commit].position, self._entry(commit, times[commit], edit, person)

    def _edits_of(self, changes: Sequence[FileChange], person: TrackedUser | None) -> list[Edit]:
        wanted = _everything if person is None else _mentions(person)
        by_parent = [self._compared(changes, parent, wanted) for parent in range(len(changes[0].old))]
        edits = merge_edits(by_parent) if len(by_parent) > 1 else by_parent[0]
        if person is None:
            return edits
        return [found for edit in edits if (found := person.concerns(edit)) is not None]

    def _compared(self, changes: Iterable[FileChange], parent: int, wanted: PieceFilter) -> list[Edit]:
        before: list[Entity] = []
        after: list[Entity] = []
        for change in _not_renamed([each for each in changes if detect_kind(each.name)], parent):
            read = self._repository.blob
            gone, came = diff_entries(change.name, read(change.old[parent]), read(change.new), wanted)
            before += gone
            after += came
        return compare_entities(before, after)

    def _entry(self, commit: str, when: datetime, edit: Edit, person: TrackedUser | None) -> TimelineEntry:
        merge_point = self._merge_points[commit]
        keys = self._on_record(edit.keys if person is None else person.keys | edit.keys)
        about_people = edit.entity.kind == USER or person is not None
        outcome = (
            resolve_outcome(keys, merge_point.position, self._runs)
            if about_people
            else self._reached(merge_point.position)
        )
        own = self._commit(commit)
        merge = self._commit(merge_point.commit) if merge_point.commit != commit else own
        return TimelineEntry(when, own, merge.pull_request or own.pull_request, outcome, edit)

    def _on_record(self, keys: Collection[str]) -> frozenset[str]:
        """What records may call whoever goes by `keys`."""
        if self._redactor.key is None:
            return frozenset(keys)
        return frozenset([*keys, *map(self._redactor.address, keys)])

    def _reached(self, position: int) -> EditOutcome:
        """What became of an edit that is about nobody in particular: the first apply that had it."""
        for run in self._runs:
            if run.position is not None and run.position >= position:
                return EditOutcome("in effect" if run.complete else "partly in effect", run)
        return EditOutcome("pending")

    def _commit(self, identity: str) -> Commit:
        return self._repository.commit(identity)

    # --- applies ------------------------------------------------------

    def _corrected(self, since: datetime | None, person: TrackedUser | None) -> Iterator[_Placed]:
        """What applies changed although no edit asked for it, newest first."""
        for number, run in reversed(list(enumerate(self._runs))):
            found = self._unrequested_in(number, run, person)
            for applied, what in sorted(found, key=lambda each: (_time(each[0], run), each[0].address), reverse=True):
                when = _time(applied, run)
                if since is None or when >= since:
                    state = "applied" if applied.result == Result.DONE else applied.result
                    commit = self._commit(run.commit) if run.commit in self._merge_points else None
                    entry = TimelineEntry(when, commit, None, EditOutcome(state, run, applied), unrequested_change=what)
                    yield run.position or 0, entry

    def _unrequested_in(
        self, number: int, run: ApplyRun, person: TrackedUser | None
    ) -> list[tuple[AppliedChange, UnrequestedChange]]:
        if person is None:
            changes = list({id(each): each for each in run.changes.values()}.values())
        else:
            one = run.find(self._on_record(person.keys))
            changes = [one] if one is not None else []
        found = []
        for applied in changes:
            window = self._since_settled(number, run, applied)
            what = find_unrequested_change(applied, window, self._inputs) if window is not None else None
            # An edit of mappings or scope moves very many: of all the history its own line is enough.
            if what is not None and (person is not None or what.cause is not Cause.CONFIGURATION):
                found.append((applied, what))
        return found

    def _since_settled(self, number: int, run: ApplyRun, applied: AppliedChange) -> EditWindow | None:
        """What was edited since the last apply that left this user as desired; None: there was none, or it is gone."""
        for earlier in reversed(self._runs[:number]):
            if earlier.converged(applied.keys):
                known = earlier.commit in self._merge_points and run.commit in self._merge_points
                if not known or earlier.commit is None or run.commit is None:
                    return None
                return self._window(earlier.commit, run.commit)
        return None

    def _read_window(self, old: str, new: str) -> EditWindow:
        if old == new:
            return EditWindow({}, frozenset(), self._dated(new))
        changes = self._repository.between(old, new)
        fields: dict[str, frozenset[str]] = {}
        for edit in self._compared(changes, 0, _everything):
            if edit.entity.kind == USER:
                for key in self._on_record(edit.keys):
                    fields[key] = fields.get(key, frozenset()) | {row.path for row in edit.rows}
        files = frozenset(change.name for change in changes if detect_kind(change.name) not in (USER, None))
        return EditWindow(fields, files, self._dated(new))

    def _read_dated(self, commit: str) -> frozenset[str]:
        found: set[str] = set()
        for name, blob in self._repository.files(commit).items():
            if detect_kind(name) == USER:
                content = self._repository.blob(blob)
                people = (
                    parse_entries(name, content, lambda piece: b"lifecycle" in piece) if b"lifecycle" in content else []
                )
                for each in people:
                    if {"lifecycle.starts", "lifecycle.expires"} & each.fields.keys():
                        found |= build_user_keys([each.name], [each.object_id])
        return self._on_record(found)


def _time(applied: AppliedChange, run: ApplyRun) -> datetime:
    return applied.time or run.began


def _everything(_piece: bytes) -> bool:
    return True


def _mentions(person: TrackedUser) -> PieceFilter:
    """Whether a piece of a file can be about the person, however it is written."""

    def wanted(piece: bytes) -> bool:
        if b"\\" in piece or _KELVIN in piece or not all(map(str.isascii, person.names)):
            return True
        lowered = piece.lower()
        return any(each.encode() in lowered for each in (*person.names, *person.ids))

    return wanted


def _not_renamed(changes: Sequence[FileChange], parent: int) -> Iterator[FileChange]:
    """The changes without files that only have another name now: the same blob went and came."""
    gone = {change.old[parent]: change for change in changes if change.new is None}
    came = {change.new: change for change in changes if change.old[parent] is None}
    same = gone.keys() & came.keys() - {None}
    for change in changes:
        renamed = (change.new is None and change.old[parent] in same) or (
            change.old[parent] is None and change.new in same
        )
        if not renamed:
            yield change


def _newest_first(edits: Iterable[_Placed], corrected: Iterator[_Placed]) -> Iterator[TimelineEntry]:
    """Edits stay in the order of the graph, and an apply follows the commit it was of: clocks do not count."""
    waiting = next(corrected, None)
    for position, edit in edits:
        while waiting is not None and waiting[0] >= position:
            yield waiting[1]
            waiting = next(corrected, None)
        yield edit
    while waiting is not None:
        yield waiting[1]
        waiting = next(corrected, None)
