"""Read the files of a desired state once, to merge people into them and to edit them: completely or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, Severity, error
from reconciler.core.text import pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.yaml_nodes import YamlMapping, locate
from reconciler.desired.yaml_reader import read_document, read_items
from reconciler.errors import SourceError
from reconciler.history.edits import DOCUMENT, GROUP, MAPPING, USER, Entity
from reconciler.history.yaml_entries import NAMES, EntryCut, build_entity, cut_at, detect_kind
from reconciler.sources.import_plan import CurrentState

SCOPE, SETTINGS, MAPPINGS = "scope.yaml", "settings.yaml", "mappings.yaml"


@dataclass(frozen=True, slots=True)
class EntryPlaces:
    """Where the entries of a desired state are. Those of `StateFiles.current`, by their identity."""

    contents: Mapping[str, bytes]
    cuts: Mapping[str, EntryCut] = field(default_factory=dict)
    """Where the entries of each file of users or groups begin; without the files whose text cannot be cut."""
    numbers: Mapping[int, int] = field(default_factory=dict)
    """The number of each entry in its file, by the identity of the entity."""

    def locate(self, entity: Entity, path: str | None = None) -> Origin | None:
        """Return the origin of an entry, or of the value of its field `path`; None if no file has the entry."""
        content, number = self.contents.get(entity.file), self.numbers.get(id(entity))
        if content is None or number is None:
            return None
        if entity.kind == DOCUMENT:
            return _locate_field(read_document(content, entity.file, _ignore), path)
        cut = self.cuts.get(entity.file)
        if cut is None:
            return _locate_field(list(read_items(content, entity.file, _ignore))[number], path)
        found = _locate_field(next(iter(read_items(cut.get_text(content, number), entity.file, _ignore)), None), path)
        return found and Origin(found.file, found.line + cut.lines[number], found.column)


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The contents of a desired state, by file name, and the entries in them. Everything is from one read."""

    root: Path
    contents: Mapping[str, bytes]
    current: CurrentState
    places: EntryPlaces

    def locate(self, entity: Entity, path: str | None = None) -> Origin:
        """Return the origin of an entry of `current`, or of the value of its field `path`, such as `members.users`.

        That of the entry if it has no such field; the start of the file if the file has no such entry.
        """
        return self.places.locate(entity, path) or Origin(entity.file, 1, 1)

    def is_as_read(self, digests: Mapping[str, str]) -> bool:
        """Whether the files are those that were read. `digests`: their sha256 by name, as `Directory` has them."""
        return digests == {name: hashlib.sha256(content).hexdigest() for name, content in self.contents.items()}


def read_state_files(state: Path) -> StateFiles:
    """Read all files of users and groups, scope, settings and mappings.

    Raises `SourceError` if one of them cannot be read as a whole: entries that are not seen would be added again.
    """
    directory = Directory(state)
    directory.check_layout()
    contents = dict(directory.read_contents())
    reading = _StateReading([each for each in directory.diagnostics if each.severity is Severity.ERROR])
    for name, content in sorted(contents.items()):
        reading.read(name, content)
    _refuse(reading.errors)
    places = EntryPlaces(contents, reading.cuts, reading.numbers)
    current = CurrentState(
        users=tuple(reading.entries[USER]),
        groups=tuple(reading.entries[GROUP]),
        scope=reading.documents.get(SCOPE),
        settings=reading.documents.get(SETTINGS),
        mappings=tuple(reading.entries[MAPPING]) if MAPPINGS in contents else None,
        files=tuple(sorted(name for name in contents if detect_kind(name) in (USER, GROUP))),
        locate=places.locate,
    )
    return StateFiles(state, contents, current, places)


class _StateReading:
    """The entries and errors found so far."""

    def __init__(self, errors: list[Diagnostic]) -> None:
        self.errors = errors
        self.entries: dict[str, list[Entity]] = {USER: [], GROUP: [], MAPPING: []}
        self.documents: dict[str, Entity] = {}
        self.cuts: dict[str, EntryCut] = {}
        self.numbers: dict[int, int] = {}
        self._keys = UserKeys()

    def read(self, name: str, content: bytes) -> None:
        kind = detect_kind(name)
        if kind == DOCUMENT:
            node = read_document(content, name, self._report)
            if isinstance(node, YamlMapping):
                self.documents[name] = build_entity(name, DOCUMENT, node)
                self.numbers[id(self.documents[name])] = 0
            elif not self.errors:
                self._report(error("the file must be a mapping", "Write `key: value` lines.", Origin(name, 1, 1)))
        elif kind in self.entries:
            self._read_entries(name, kind, content)

    def _read_entries(self, name: str, kind: str, content: bytes) -> None:
        lines = []
        for number, item in enumerate(read_items(content, name, self._report)):
            entity = build_entity(name, kind, item)
            self._check(entity, item)
            self.entries[kind].append(entity)
            self.numbers[id(entity)] = number
            lines.append(item.mark.line)
        cut = cut_at(content, lines)
        if cut is not None:
            self.cuts[name] = cut

    def _check(self, entity: Entity, item: YamlMapping) -> None:
        """Report an entry that a merge would not recognise."""
        if entity.kind == USER and not self._keys.check(item, self._report):
            return
        if not entity.name:
            self._report(error(f'"{NAMES[entity.kind]}" is missing', "Add it.", item.origin))

    def _report(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity is Severity.ERROR:
            self.errors.append(diagnostic)


def _refuse(errors: Sequence[Diagnostic]) -> None:
    if errors:
        first = errors[0]
        more = f" `reconciler validate` lists {pluralize(len(errors), 'error')}." if errors[1:] else ""
        place = f"{first.origin}: " if first.origin is not None else ""
        raise SourceError(f"{place}{first.summary}", f"{first.detail}{more} Nothing was written.".strip())


def _locate_field(node: object, path: str | None) -> Origin | None:
    steps: tuple[str, ...] = () if path is None else (path,)
    if path is not None and isinstance(node, YamlMapping) and path not in node:
        steps = tuple(path.split("."))
    return locate(node, steps)


def _ignore(_diagnostic: Diagnostic) -> None:
    """Errors were reported when the files were read."""
