"""The timeline of a desired state: commits of the directory joined with the applies on record, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import islice

from reconciler.core.paths import shorten_path
from reconciler.git.commit import Commit
from reconciler.git.commits import Commits, FileChange
from reconciler.history.edits import (
    DOCUMENT,
    GROUP,
    MAPPING,
    USER,
    Edit,
    EditKind,
    Entity,
    TrackedUser,
    build_user_keys,
    compare_entities,
    merge_edits,
    report_unreadable,
)
from reconciler.history.known_differences import KnownDifferences
from reconciler.history.outcomes import (
    NOT_KNOWN,
    NOT_VALID,
    PENDING,
    Cause,
    EditOutcome,
    EditWindow,
    TimelineEntry,
    UnrequestedChange,
    find_merge_points,
    find_unrequested_change,
    name_state,
    resolve_outcome,
)
from reconciler.history.yaml_entries import (
    PieceFilter,
    cut_differences,
    detect_kind,
    diff_entries,
    find_unreadable,
    parse_differences,
    parse_entries,
)
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import AppliedChange, ApplyRun

_KELVIN = "\N{KELVIN SIGN}".encode()
"""The only character outside of ASCII whose lower case is an ASCII letter."""
_WINDOWS = 64
_BATCH = 32
"""Commits whose files are prefetched at once."""
_Positioned = tuple[int, TimelineEntry]
"""An entry, and the position of its commit."""


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """The fields to show: source attributes and target paths. Empty: all."""

    sources: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()

    def narrow(self, entry: TimelineEntry) -> TimelineEntry | None:
        """Return the entry without other fields; None if nothing is left."""
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
    """Return the fields that `--attribute` names: a source and the targets made of it, or a target and its sources."""
    targets = {path for path in inputs if name in (path, shorten_path(path))}
    if targets:
        sources = frozenset[str]().union(*(inputs[path] for path in targets))
    else:
        sources, targets = frozenset({name}), {path for path, used in inputs.items() if name in used}
    return FieldSelection(sources, frozenset([*targets, *map(shorten_path, targets)]))


class Timeline:
    """The timeline of the commit `tip`, read as far as it is asked for. `runs`: the applies on record, oldest first.

    `inputs`: the source attributes of each target path. `redactor`: recognises digests on record. `differences`: what
    earlier runs found.
    """

    def __init__(
        self,
        repository: Commits,
        tip: str,
        runs: Sequence[ApplyRun],
        inputs: Mapping[str, frozenset[str]],
        redactor: Redactor = NO_REDACTION,
        *,
        differences: KnownDifferences | None = None,
    ) -> None:
        self._repository = repository
        self._differences = differences or KnownDifferences()
        self._tip = tip
        self._inputs = inputs
        self._redactor = redactor
        self._nodes = repository.read_graph(tip)
        self._merge_points = find_merge_points({node.id: node.parents for node in self._nodes}, tip)
        # The oldest commits of a shallow clone: what they seem to add may have been applied long before.
        self._cut_off = {node.id for node in self._nodes if not node.parents} if repository.shallow else frozenset()
        self._runs = [replace(run, position=self._position(run.commit)) for run in runs]
        self._window = lru_cache(_WINDOWS)(self._read_window)
        self._dated_users = lru_cache(_WINDOWS)(self._read_dated_users)
        self._dated_blobs: dict[str, frozenset[str]] = {}

    def _position(self, commit: str | None) -> int | None:
        merge_point = self._merge_points.get(commit) if commit is not None else None
        return merge_point.position if merge_point is not None else None

    # --- one user, or all ------------------------------------------------------

    def read_user(self, user: TrackedUser, since: datetime | None, fields: FieldSelection) -> list[TimelineEntry]:
        """Return the entries of one user. Renames are followed through git."""
        found = self._find_at_tip(user)
        edits = list(self._read_edits(since=None, user=user))
        if not found:
            # The name is gone. Now that the objectId is known, read again: newer edits are recognised by it.
            edits = list(self._read_edits(since=None, user=user))
        recent = [each for each in edits if since is None or each[1].when >= since]
        unrequested = self._read_unrequested(since, user)
        return [kept for each in _newest_first(recent, unrequested) if (kept := fields.narrow(each)) is not None]

    def read_all(self, since: datetime | None, fields: FieldSelection) -> Iterator[TimelineEntry]:
        """Yield the entries of all users and all other files."""
        for entry in _newest_first(self._read_edits(since=since), self._read_unrequested(since, None)):
            kept = fields.narrow(entry)
            if kept is not None:
                yield kept

    def _find_at_tip(self, user: TrackedUser) -> bool:
        """Look the user up in the files of the tip, and learn its names and ids."""
        wanted = _filter_mentions(user)
        for name, blob in self._repository.list_files(self._tip).items():
            if detect_kind(name) == USER:
                for entity in parse_entries(name, self._repository.read_blob(blob), wanted):
                    if user.matches(entity):
                        user.learn(entity)
                        return True
        return False

    # --- commits ------------------------------------------------------

    def _read_edits(self, *, since: datetime | None, user: TrackedUser | None = None) -> Iterator[_Positioned]:
        times = {node.id: node.time for node in self._nodes if since is None or node.time >= since}
        found = self._repository.read_changes(times)
        while batch := list(islice(found, _BATCH if user is not None else 1)):
            self._repository.prefetch(each for _, changes in batch for each in changes if self._will_read(each))
            for commit, changes in batch:
                for edit in self._find_edits(changes, user):
                    yield self._merge_points[commit].position, self._build_entry(commit, times[commit], edit, user)

    def _will_read(self, change: FileChange) -> bool:
        if all(self._differences.find(old, change.new) is not None for old in change.old):
            return False
        return detect_kind(change.name) is not None

    def _find_edits(self, changes: Sequence[FileChange], user: TrackedUser | None) -> list[Edit]:
        wanted = _accept_all if user is None else _filter_mentions(user)
        by_parent = [self._compare(changes, parent, wanted) for parent in range(len(changes[0].old))]
        edits = merge_edits(by_parent) if len(by_parent) > 1 else by_parent[0]
        if user is None:
            return edits
        return [found for edit in edits if (found := user.select(edit)) is not None]

    def _compare(self, changes: Iterable[FileChange], parent: int, wanted: PieceFilter) -> list[Edit]:
        before: list[Entity] = []
        after: list[Entity] = []
        unreadable: list[Edit] = []
        for change in _skip_renamed([each for each in changes if detect_kind(each.name)], parent):
            name, old = change.name, change.old[parent]
            if wanted is not _accept_all and detect_kind(name) not in (USER, GROUP):
                continue
            gone, came = self._diff(name, old, change.new, wanted)
            if {each.name for each in gone} != {each.name for each in came}:
                # An entry may only seem to be removed or added.
                broken_old, broken_new = find_unreadable(name, self._read(old), self._read(change.new), wanted)
                if broken_new:
                    unreadable.append(report_unreadable(name))
                    continue
                if broken_old:
                    gone, came = diff_entries(
                        name, self._read_last_valid(name, old), self._read(change.new) or b"", wanted
                    )
            before += gone
            after += came
        return [*compare_entities(before, after), *unreadable]

    def _diff(
        self, name: str, old: str | None, new: str | None, wanted: PieceFilter
    ) -> tuple[list[Entity], list[Entity]]:
        """Return the entries of two blobs of a file that differ, before and after."""
        kind = detect_kind(name)
        if old == new:
            return [], []
        pieces = self._differences.find(old, new)
        if pieces is None and kind not in (DOCUMENT, None) and None not in (old, new):
            pieces = cut_differences(self._read(old) or b"", self._read(new) or b"")
            if pieces is not None:
                self._differences.add(old, new, pieces)
        found = parse_differences(name, kind, pieces, wanted) if pieces is not None and kind is not None else None
        if found is not None:
            return found
        return diff_entries(name, self._read(old) or b"", self._read(new) or b"", wanted)

    def _read(self, blob: str | None) -> bytes | None:
        return None if blob is None else self._repository.read_blob(blob)

    def _read_last_valid(self, name: str, blob: str | None) -> bytes:
        """Return the last version of a file, before the broken `blob`, that can be read; b"" if there is none."""
        seen: set[str | None] = set()
        while blob is not None and blob not in seen:
            seen.add(blob)
            content = self._repository.read_blob(blob)
            if not find_unreadable(name, None, content, _accept_all)[1]:
                return content
            blob = self._previous_blobs.get((name, blob))
        return b""

    @cached_property
    def _previous_blobs(self) -> Mapping[tuple[str, str | None], str | None]:
        """The blob of each file before each of its blobs. Only read once there is a version that cannot be read."""
        changes = self._repository.read_changes(node.id for node in self._nodes)
        return {(each.name, each.new): each.old[0] for _, found in changes for each in found}

    def _build_entry(self, commit: str, when: datetime, edit: Edit, user: TrackedUser | None) -> TimelineEntry:
        merge_point = self._merge_points[commit]
        keys = self._add_digests(edit.keys if user is None else user.keys | edit.keys)
        about_users = edit.entity.kind == USER or user is not None
        outcome = (
            resolve_outcome(keys, merge_point.position, self._runs)
            if about_users
            else self._resolve_file_outcome(merge_point.position)
        )
        if outcome.state == PENDING.state and commit in self._cut_off:
            outcome = NOT_KNOWN
        if edit.kind is EditKind.UNREADABLE:
            outcome = NOT_VALID
        own = self._repository.read_commit(commit)
        merge = self._repository.read_commit(merge_point.commit) if merge_point.commit != commit else own
        return TimelineEntry(when, own, merge.pull_request or own.pull_request, outcome, edit)

    def _add_digests(self, keys: Collection[str]) -> frozenset[str]:
        """Return `keys` and their digests: the record may hold either."""
        if self._redactor.key is None:
            return frozenset(keys)
        return frozenset([*keys, *map(self._redactor.address, keys)])

    def _resolve_file_outcome(self, position: int) -> EditOutcome:
        """Return the outcome of an edit that is not about one user: of the first apply that had it."""
        for run in self._runs:
            if run.position is not None and run.position >= position:
                return EditOutcome("in effect" if run.complete else "partly in effect", run)
        return EditOutcome("pending")

    # --- applies ------------------------------------------------------

    def _read_unrequested(self, since: datetime | None, user: TrackedUser | None) -> Iterator[_Positioned]:
        """Yield what applies changed although no edit asked for it, newest first."""
        for number, run in reversed(list(enumerate(self._runs))):
            found = self._find_unrequested(number, run, user)
            for when, applied, what in sorted(found, key=lambda each: (each[0], each[1].address), reverse=True):
                if since is None or when >= since:
                    commit = self._find_commit(run.commit)
                    entry = TimelineEntry(
                        when, commit, None, EditOutcome(name_state(applied, run), run, applied), unrequested_change=what
                    )
                    yield run.position or 0, entry

    def _find_commit(self, commit: str | None) -> Commit | None:
        """Return the commit of an apply; None if it is not an ancestor of the tip."""
        known = commit is not None and commit in self._merge_points
        return self._repository.read_commit(commit) if commit is not None and known else None

    def _find_unrequested(
        self, number: int, run: ApplyRun, user: TrackedUser | None
    ) -> list[tuple[datetime, AppliedChange, UnrequestedChange]]:
        if user is None:
            changes = list({id(each): each for each in run.changes.values()}.values())
        else:
            one = run.find(self._add_digests(user.keys))
            changes = [one] if one is not None else []
        found = []
        for applied in changes:
            window = self._find_window(number, run, applied)
            what = find_unrequested_change(applied, window, self._inputs) if window is not None else None
            # An edit of mappings or scope changes very many users: among all users its own entry is enough.
            if what is not None and (user is not None or what.cause is not Cause.CONFIGURATION):
                found.append((applied.time or run.began, applied, what))
        return found

    def _find_window(self, number: int, run: ApplyRun, applied: AppliedChange) -> EditWindow | None:
        """Return what was edited since the last apply after which this user was as desired.

        None if there was none, or if its commit is not an ancestor of the tip.
        """
        for earlier in reversed(self._runs[:number]):
            if earlier.converged(applied.keys):
                known = earlier.commit in self._merge_points and run.commit in self._merge_points
                if not known or earlier.commit is None or run.commit is None:
                    return None
                return self._window(earlier.commit, run.commit)
        return None

    def _read_window(self, old: str, new: str) -> EditWindow:
        if old == new:
            return EditWindow({}, frozenset(), self._dated_users(new))
        changes = self._repository.compare(old, new)
        fields: dict[str, frozenset[str]] = {}
        for edit in self._compare(changes, 0, _accept_all):
            if edit.entity.kind == USER:
                for key in self._add_digests(edit.keys):
                    fields[key] = fields.get(key, frozenset()) | {row.path for row in edit.rows}
        files = frozenset(change.name for change in changes if detect_kind(change.name) not in (USER, None))
        return EditWindow(fields, files, self._dated_users(new))

    def _read_dated_users(self, commit: str) -> frozenset[str]:
        """Return the keys of users with lifecycle dates."""
        files = [each for each in self._repository.list_files(commit).items() if detect_kind(each[0]) == USER]
        return self._add_digests(frozenset[str]().union(*(self._read_dated_in(*each) for each in files)))

    def _read_dated_in(self, name: str, blob: str) -> frozenset[str]:
        """Return those of one file: nearly all files of a commit are those of the one before."""
        if blob not in self._dated_blobs:
            content = self._repository.read_blob(blob)
            entries = parse_entries(name, content, _has_lifecycle) if _has_lifecycle(content) else ()
            dated = [each for each in entries if {"lifecycle.starts", "lifecycle.expires"} & each.fields.keys()]
            keys = (build_user_keys([each.name], [each.object_id]) for each in dated)
            self._dated_blobs[blob] = frozenset[str]().union(*keys)
        return self._dated_blobs[blob]


def _accept_all(_piece: bytes) -> bool:
    return True


def _has_lifecycle(piece: bytes) -> bool:
    return b"lifecycle" in piece


def _filter_mentions(user: TrackedUser) -> PieceFilter:
    """Return a filter for pieces of a file that can be about the user, however its name is written there."""
    mentions = [each.encode() for each in (*user.names, *user.ids)]
    ascii_only = all(map(str.isascii, user.names))

    def wanted(piece: bytes) -> bool:
        if not ascii_only or b"\\" in piece or _KELVIN in piece:
            return True
        lowered = piece.lower()
        return any(each in lowered for each in mentions)

    return wanted


def _skip_renamed(changes: Sequence[FileChange], parent: int) -> Iterator[FileChange]:
    """Yield the changes without files that were only renamed: the same blob was removed and added."""
    gone = {change.old[parent]: change for change in changes if change.new is None}
    came = {change.new: change for change in changes if change.old[parent] is None}
    same = gone.keys() & came.keys() - {None}
    for change in changes:
        renamed = (change.new is None and change.old[parent] in same) or (
            change.old[parent] is None and change.new in same
        )
        if not renamed:
            yield change


def _newest_first(edits: Iterable[_Positioned], unrequested: Iterator[_Positioned]) -> Iterator[TimelineEntry]:
    """Merge both by position: edits keep the order of the graph, an apply follows its commit. Clocks do not matter."""
    waiting = next(unrequested, None)
    for position, edit in edits:
        while waiting is not None and waiting[0] >= position:
            yield waiting[1]
            waiting = next(unrequested, None)
        yield edit
    while waiting is not None:
        yield waiting[1]
        waiting = next(unrequested, None)
