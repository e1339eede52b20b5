"""Draft the files of an import and write them: entries are edited in place, every other byte stays.

Each file is written as a whole or not at all, and only if it is as it was read.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reconciler.core.field_change import Field
from reconciler.core.text import format_names, quote
from reconciler.desired.editor_lines import build_editor_line
from reconciler.desired.layout import EDITOR_COMMENT, is_read
from reconciler.errors import ReconcilerError, SourceError
from reconciler.history.edits import DOCUMENT, USER, Entity
from reconciler.history.yaml_edit import EditedFile, check_entries, edit_content
from reconciler.history.yaml_entries import build_pieces, detect_kind
from reconciler.history.yaml_fields import FieldEdit, Names
from reconciler.history.yaml_nodes import EditError
from reconciler.record.files import read_file, write_bytes
from reconciler.sources.documents import edit_document
from reconciler.sources.import_plan import EntryEdit, ImportPlan
from reconciler.sources.read_back import ReadBack
from reconciler.sources.state_files import StateFiles

_EDITOR_LINE = re.compile(rb"^" + re.escape(EDITOR_COMMENT).encode() + rb"[ ]*\$schema=(\S+)[ ]*\r?$", re.MULTILINE)
_UP = "../"
_NOTHING = "Nothing was written."
_MANUALLY = "Nothing was written. Edit this entry manually, or write it as `- key: value` lines."


@dataclass(slots=True)
class _FileEdits:
    """The edits of one file."""

    changed: list[tuple[Entity, EntryEdit]] = field(default_factory=list)
    """The entries that change, as they were read."""
    removed: list[Entity] = field(default_factory=list)
    added: list[Entity] = field(default_factory=list)


def draft_files(files: StateFiles, plan: ImportPlan, read_back: ReadBack | None = None) -> dict[str, bytes | None]:
    """Return the new contents of the files that change, by name in their order. A file without entries is kept.

    `before` of each edit is an entry of `files.current`. Raises `SourceError` with file and line if a file cannot be
    edited without a change to its other entries. Nothing is written. `read_back`: expects the entries of files of
    users, which the caller reads, and finishes, before anything is written; None: they are read here.
    """
    drafting = _FileDrafting(files, plan.names, read_back)
    drafted = {name: drafting.draft(name, edits) for name, edits in sorted(_arrange(plan).items())}
    return {name: content for name, content in drafted.items() if content != files.contents.get(name)}


def _arrange(plan: ImportPlan) -> dict[str, _FileEdits]:
    """Return the edits by file."""
    by_file: dict[str, _FileEdits] = {}
    for edit in plan.edits:
        before = edit.before
        here = by_file.setdefault(before.file if before is not None else edit.entity.file, _FileEdits())
        if before is None:
            here.added.append(edit.entity)
        elif edit.after is None:
            here.removed.append(before)
        else:
            here.changed.append((before, edit))
    return by_file


class _FileDrafting:
    """Drafts one file after the other."""

    def __init__(self, files: StateFiles, names: Names, read_back: ReadBack | None) -> None:
        self._files = files
        self._read_back = read_back
        self._renames: Mapping[str, Names] = {"users": names}
        self._entries: dict[str, list[Entity]] = {}
        self._schemas: dict[str, str | None] = {}
        """What the other files of a folder name, or a file at the top."""
        for entity in (*files.current.users, *files.current.groups, *(files.current.mappings or ())):
            self._entries.setdefault(entity.file, []).append(entity)

    def draft(self, name: str, edits: _FileEdits) -> bytes:
        """Return the new content of a file."""
        for entity in (*(before for before, _ in edits.changed), *edits.removed):
            if id(entity) not in self._files.places.numbers:
                raise SourceError(f"{name}: {entity.address} is not an entry of the files that were read")
        try:
            if detect_kind(name) == DOCUMENT:
                return self._draft_document(name, edits)
            if name in self._files.contents and name not in self._files.places.cuts:
                return self._draft_whole(name, edits)
            return self._draft_entries(name, edits)
        except EditError as exc:
            raise self._describe(name, edits, exc) from exc

    def _describe(self, name: str, edits: _FileEdits, exc: EditError) -> SourceError:
        place = self._files.locate(self._find_entity(name, edits, exc.entry))
        return SourceError(f"{place}: the file cannot be edited: {exc}", _MANUALLY)

    def _find_entity(self, name: str, edits: _FileEdits, entry: str) -> Entity:
        """Return the entity that an error is about: the one called `entry`, else the first that is edited."""
        known = [*edits.changed, *((entity, None) for entity in edits.removed)]
        called = (before for before, edit in known if entry and entry in (before.name, edit and edit.entity.name))
        return next(called, known[0][0] if known else Entity("", entry, {}, name))

    def _draft_document(self, name: str, edits: _FileEdits) -> bytes:
        if edits.removed:
            raise EditError("an import does not remove it")
        if edits.added:
            content, head = None, self._build_head(name)
            values: Mapping[str, Field | None] = edits.added[0].fields
        else:
            content, head = self._files.contents[name], b""
            values = edits.changed[0][1].fields
        return edit_document(name, content, values, names=self._renames, head=head)

    def _draft_whole(self, name: str, edits: _FileEdits) -> bytes:
        """Edit entries in a file that cannot be cut, such as a list in brackets."""
        if edits.added or edits.removed:
            raise EditError("it is not a list with a dash for each entry: none is added or removed")
        numbers = self._files.places.numbers
        changes = {numbers[id(before)]: FieldEdit(edit.fields, self._renames) for before, edit in edits.changed}
        after = {id(before): edit.entity for before, edit in edits.changed}
        edited = edit_content(self._files.contents[name], edits.changed[0][0].kind, changes)
        check_entries(name, edited, [after.get(id(entity), entity) for entity in self._entries[name]])
        return edited

    def _draft_entries(self, name: str, edits: _FileEdits) -> bytes:
        file = self._open(name)
        for before, edit in edits.changed:
            file.edit(before, FieldEdit(edit.fields, self._renames), edit.entity.fields)
        file.remove(edits.removed)
        file.add(edits.added)
        content, entries = file.content, file.entities
        check = partial(self._check, name, edits, content, entries)
        if self._read_back is not None and detect_kind(name) == USER:
            self._read_back.expect(name, entries, check)
        else:
            check()
        return content

    def _check(self, name: str, edits: _FileEdits, content: bytes, entries: Sequence[Entity]) -> None:
        """Read an edited file again. Raises `SourceError` if it does not hold these entries."""
        try:
            check_entries(name, content, entries)
        except EditError as exc:
            raise self._describe(name, edits, exc) from exc

    def _open(self, name: str) -> EditedFile:
        content = self._files.contents.get(name)
        entries = self._entries.get(name, [])
        if content is None:
            return EditedFile(name, None, self._build_head(name))
        return EditedFile(
            name, content, cut=build_pieces(content, entries, self._files.places.cuts[name]) if entries else None
        )

    # --- new files ----------------------------------------------------------------

    def _build_head(self, name: str) -> bytes:
        """Return the first line of a new file, by which editors find its schema, as the other files have it."""
        folder = name.partition("/")[0]
        if folder not in self._schemas:
            self._schemas[folder] = _find_named_schema(folder, self._files.contents)
        schema = self._schemas[folder]
        if schema is None:
            line = build_editor_line(self._files.root, name)
        else:
            line = f"{EDITOR_COMMENT} $schema={_UP * name.count('/') if schema.startswith(_UP) else ''}{schema}\n"
        return f"{line}\n".encode() if line else b""


def _find_named_schema(folder: str, contents: Mapping[str, bytes]) -> str | None:
    """Return the schema that files in a folder name: a URL, or a path relative to the desired state."""
    for name, content in sorted(contents.items()):
        line = _EDITOR_LINE.search(content) if name.partition("/")[0] == folder else None
        if line is not None:
            return line.group(1).decode("utf-8", "replace").removeprefix(_UP * name.count("/"))
    return None


def write_files(files: StateFiles, changed: Mapping[str, bytes | None]) -> None:
    """Write drafted files; None: the file is deleted.

    Raises `SourceError`, before the first write, if a file is no part of a desired state, is reached through a link, is
    no regular file, or is not as it was read; afterwards with the names of the files that were written.
    """
    for name in changed:
        _check(files, name, _NOTHING)
    done: list[str] = []
    for name, content in changed.items():
        try:
            # Another program can have changed it since.
            _check(files, name, "")
            _write(files.root / name, content)
        except (ReconcilerError, OSError) as exc:
            raise _describe_failure(name, exc, done, list(changed)) from exc
        done.append(name)


def _check(files: StateFiles, name: str, detail: str) -> None:
    if not is_read(name) or "\0" in name or "\\" in name:
        raise SourceError(f"{quote(name)} is not the name of a file of the desired state", detail)
    path = files.root / name
    below = [path, *path.parents][: len(Path(name).parts)]
    if any(each.is_symlink() for each in below):
        raise SourceError(f"{name} is reached through a link", f"{detail} Put the file itself there.".strip())
    if path.exists() and not stat.S_ISREG(path.lstat().st_mode):
        raise SourceError(f"{name} is not a regular file", detail)
    here = read_file(path) if path.exists() else None
    if here != files.contents.get(name):
        way_out = "Run the command again: it starts from the file as it is."
        raise SourceError(f"{name} was changed by another program since it was read", f"{detail} {way_out}".strip())


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        write_bytes(path, content)


def _describe_failure(name: str, exc: Exception, done: list[str], names: list[str]) -> SourceError:
    """Return the error of a write that failed, with what was written."""
    why = exc.summary if isinstance(exc, ReconcilerError) else f"{name} cannot be written: {exc}"
    more = exc.detail if isinstance(exc, ReconcilerError) else ""
    if not done:
        return SourceError(why, f"{more} {_NOTHING}".strip())
    left = format_names([each for each in names if each not in done], len(names))
    detail = (
        f"{more} Written: {format_names(done, len(done))}. Not written: {left}. `git diff` shows the edits that were"
        " written; run the command again for the others, or restore the files with `git checkout`."
    )
    return SourceError(why, detail.strip())
