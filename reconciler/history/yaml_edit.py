"""Add, remove and edit entries of files of a desired state; every other byte of the files stays.

An entry that is restored as a whole gets its old text back, with its comments. Single fields are set in the text of
their entry. The result is read again: `EditError` is raised if it does not hold what it should.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.field_change import Field
from reconciler.core.model import Diagnostic, Severity
from reconciler.core.values import fold_case
from reconciler.desired.layout import EDITOR_COMMENT
from reconciler.history.edits import USER, Entity
from reconciler.history.revert import RevertStep
from reconciler.history.yaml_entries import Piece, read_entries, split_entries
from reconciler.history.yaml_fields import FieldEdit, edit_fields, render_fields
from reconciler.history.yaml_nodes import EditError

_EDITOR_LINE = re.compile(rb"^" + re.escape(EDITOR_COMMENT).encode() + rb"[^\n]*", re.MULTILINE)
_EMPTY_LIST = re.compile(rb"^\[\](?:[ \t]+(?=#)|[ ]*(?:\r?\n|\Z))", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"
_BLANK_END = re.compile(rb"\n[ ]*\r?\n\Z")
_HAVE_STYLE = 2
"""Entries that show whether blank lines separate them."""


Cut = tuple[bytes, list[Piece]]


class EditedFile:
    """A file while it is edited. `content` None: it does not exist yet. Raises `EditError` if it cannot be split."""

    def __init__(self, name: str, content: bytes | None, head: bytes = b"", cut: Cut | None = None) -> None:
        """`head`: the text before the first entry of a new file. `cut`: that text and the entries, if known."""
        self._is_new = content is None
        content = head if content is None else content
        cut = cut or split_entries(name, content) or split_entries(name, _EMPTY_LIST.sub(b"", content))
        if cut is None:
            raise EditError("it is not a list with a dash for each entry, or cannot be read")
        self.name = name
        self._head, self._pieces = cut
        self._newline = find_newline(content)
        self._places: dict[int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it, not even a comment for humans."""
        return not self._pieces and not _EDITOR_LINE.sub(b"", self._head).strip()

    @property
    def content(self) -> bytes:
        """The bytes of the edited file; without entries it is the empty list, as a file without a list is an error."""
        parts = [part for piece in self._pieces for part in (piece.body, piece.tail)] or [b"[]" + self._newline]
        text = [self._head]
        for part in filter(None, parts):
            if text[-1] and not text[-1].endswith(b"\n") and not text[-1].endswith(_BOM):
                text.append(self._newline)
            text.append(part)
        return b"".join(text)

    def apply(self, step: RevertStep, head: bytes, old: Sequence[Piece]) -> None:
        """Carry out one step. Raises `EditError` if the entry cannot be edited.

        `head`, `old`: the text before the first entry, and the entries, of the former file of `step.wanted`.
        """
        place = self._index(step.now)
        if step.wanted is None:
            self._remove(place)
        elif step.fields:
            self.edit(self._pieces[place].entity, FieldEdit(step.fields), step.result or {})
        else:
            was = _find_piece(step.wanted, old)
            body = self._reindent(was.body)
            if step.now is None:
                if self._is_new and not self._pieces:
                    self._head = head
                place, old_tail = self._find_place(step.wanted, head, old)
                is_last = place == len(self._pieces)
                self._insert(place, Piece(step.wanted, body, was.tail), old_tail, self._find_space(), is_last=is_last)
            else:
                self._replace(place, body, step.result or {})

    def edit(self, entity: Entity, change: FieldEdit, result: Mapping[str, Field]) -> None:
        """Set fields of an entry of this file, whose fields are `result` then. Raises `EditError` if it cannot be."""
        place = self._index(entity)
        text = self._pieces[place].body.decode()
        try:
            body = edit_fields(text, self._newline.decode(), entity.kind, {0: change}).encode()
        except EditError as exc:
            raise EditError(exc.reason, entity.name) from exc
        self._replace(place, body, result)

    def remove(self, entities: Sequence[Entity]) -> None:
        """Remove entries of this file."""
        for place in sorted(map(self._index, entities), reverse=True):
            self._remove(place)

    def add(self, entities: Sequence[Entity]) -> None:
        """Add new entries: each at its place if the entries are sorted by name, else at the end."""
        new = sorted(entities, key=_sort_key)
        keys = [_sort_key(piece.entity) for piece in self._pieces]
        is_sorted = keys == sorted(keys)
        places = [bisect_right(keys, _sort_key(each)) if is_sorted else len(keys) for each in new]
        space = self._find_space() or (self._newline if len(self._pieces) < _HAVE_STYLE else b"")
        old, self._pieces, done = self._pieces, [], 0
        for place, entity in zip(places, new, strict=True):
            self._pieces += old[done:place]
            done = place
            is_last = place == len(old)
            self._insert(len(self._pieces), Piece(entity, self._render(entity, old)), None, space, is_last=is_last)
        self._pieces += old[done:]
        self._places = None

    def _render(self, entity: Entity, old: Sequence[Piece]) -> bytes:
        indent = " " * (_indent(old[0].body) if old else 0)
        try:
            text = render_fields(entity.kind, entity.fields, self._newline.decode(), f"{indent}  ")
        except EditError as exc:
            raise EditError(exc.reason, entity.name) from exc
        return f"{indent}- {text.lstrip(' ')}".encode() + self._newline

    @property
    def entities(self) -> list[Entity]:
        """The entries that it should hold."""
        return [piece.entity for piece in self._pieces]

    def check(self) -> None:
        """Read the edited file again. Raises `EditError` if it does not hold what it should."""
        check_entries(self.name, self.content, self.entities)

    def _index(self, entity: Entity | None) -> int:
        if self._places is None:
            self._places = {id(piece.entity): place for place, piece in enumerate(self._pieces)}
        return self._places.get(id(entity), -1)

    def find(self, entity: Entity) -> Entity:
        """Return the entry of this file with the fields of `entity`. Raises `EditError` if there is none."""
        found = [piece.entity for piece in self._pieces if piece.entity.fields == entity.fields]
        if not found:
            raise EditError("it does not hold this entry", entity.name)
        return found[0]

    def _replace(self, place: int, body: bytes, result: Mapping[str, Field]) -> None:
        old = self._pieces[place]
        self._pieces[place] = Piece(Entity(old.entity.kind, old.entity.name, result, self.name), body, old.tail)
        if self._places is not None:
            self._places[id(self._pieces[place].entity)] = place

    def _remove(self, place: int) -> None:
        """Remove an entry. The comments after it are about the next one, and stay."""
        removed = self._pieces.pop(place)
        self._places = None
        before = self._pieces[place - 1].tail if place else self._head
        is_spaced = _blank(before) or (not place and (not before or _BLANK_END.search(before)))
        tail = removed.tail[len(_blank(removed.tail)) :] if is_spaced else removed.tail
        kept = before + tail if tail or place < len(self._pieces) else before[: len(before) - len(_blank(before))]
        if place:
            self._pieces[place - 1] = replace(self._pieces[place - 1], tail=kept)
        else:
            self._head = before + tail

    def _find_space(self) -> bytes:
        """Return the blank lines between entries."""
        return next((_blank(each.tail) for each in self._pieces if _blank(each.tail)), b"")

    def _insert(self, place: int, piece: Piece, old_tail: bytes | None, space: bytes, *, is_last: bool) -> None:
        """Insert an entry. `old_tail`: the text between its former neighbour and it, if that is its neighbour now.

        `space`: the blank lines between entries.
        """
        space = _blank(piece.tail) or space
        if place:
            previous = self._pieces[place - 1]
            before, rest = _split(previous.tail, old_tail, space)
            self._pieces[place - 1] = Piece(previous.entity, previous.body, before)
        else:
            known = old_tail is not None and self._head.startswith(old_tail)
            start = len(old_tail or b"") if known else _find_first_comment(self._head)
            before, rest = self._head[:start], self._head[start:]
            self._head = before
        tail = rest if _blank(rest) else space + rest
        tail = b"" if is_last and not tail.strip() else tail
        self._pieces.insert(place, Piece(piece.entity, piece.body, tail))
        self._places = None

    def _find_place(self, wanted: Entity, head: bytes, old: Sequence[Piece]) -> tuple[int, bytes | None]:
        """Return the place after its former neighbour, else the end; and the text between the two if adjacent."""
        at = next((number for number, piece in enumerate(old) if piece.entity.fields == wanted.fields), 0)
        for neighbour in reversed(old[:at]):
            for place, piece in enumerate(self._pieces):
                if _is_same_user(piece.entity, neighbour.entity):
                    return place + 1, neighbour.tail if neighbour is old[at - 1] else None
        return (0, head) if at == 0 and old[1:] else (len(self._pieces), None)

    def _reindent(self, body: bytes) -> bytes:
        here = _indent(self._pieces[0].body) if self._pieces else 0
        before = _indent(body)
        lines = [(b" " * here + line[before:]) if line.strip() else line for line in body.splitlines(keepends=True)]
        text = b"".join(lines).replace(b"\r\n", b"\n").replace(b"\n", self._newline)
        return text if text.endswith(b"\n") else text + self._newline


def _is_same_user(one: Entity, other: Entity) -> bool:
    if one.object_id and other.object_id:
        return one.object_id == other.object_id
    return one.name.lower() == other.name.lower()


def _blank(tail: bytes) -> bytes:
    """Return the blank lines that `tail` begins with."""
    return tail[: len(tail) - len(tail.lstrip(b" \r\n"))] if tail.lstrip(b" \r\n") else tail


def _split(tail: bytes, old_tail: bytes | None, space: bytes) -> tuple[bytes, bytes]:
    """Split the lines between two entries into those before an entry that is inserted there, and those after it."""
    if old_tail is not None and tail.startswith(old_tail):
        return old_tail, tail[len(old_tail) :]
    if old_tail is not None and not tail.strip():
        return old_tail, tail
    blank = _blank(tail)
    return blank or space, tail[len(blank) :]


def _find_first_comment(head: bytes) -> int:
    """Return where the comment right above the first entry begins; the end if there is none but that of the file."""
    lines = head.splitlines(keepends=True)
    number = len(lines)
    while number and lines[number - 1].lstrip(b" ").startswith(b"#"):
        number -= 1
    is_apart = number and not lines[number - 1].strip()
    return sum(map(len, lines[:number])) if is_apart else len(head)


def _indent(body: bytes) -> int:
    return len(body) - len(body.lstrip(b" "))


def _find_piece(wanted: Entity, old: Sequence[Piece]) -> Piece:
    for piece in old:
        if piece.entity.fields == wanted.fields:
            return piece
    raise EditError(f"{wanted.file}, as it was then, is not a list with a dash for each entry")


def edit_content(content: bytes, kind: str, changes: Mapping[int, FieldEdit]) -> bytes:
    """Return the content of a file with fields of its entries set, by number; of a document, number 0.

    Raises `EditError` if it cannot be edited. The caller reads the result again: `check_entries`.
    """
    bom = _BOM if content.startswith(_BOM) else b""
    newline = find_newline(content).decode()
    try:
        return bom + edit_fields(content[len(bom) :].decode(), newline, kind, changes).encode()
    except UnicodeError as exc:
        raise EditError("it is not UTF-8 text") from exc


def check_entries(name: str, content: bytes, wanted: Sequence[Entity]) -> None:
    """Read a file as it would be written. Raises `EditError` if it does not hold exactly the entries `wanted`."""
    errors: list[Diagnostic] = []
    found = read_entries(name, content, errors.append)
    different = next((pair for pair in zip(found, wanted, strict=False) if not _reads_as(*pair)), None)
    if different is not None:
        raise EditError("it would not be read as intended", different[1].name)
    first = next((each for each in errors if each.severity is Severity.ERROR), None)
    if first is not None:
        raise EditError(f"it could not be read: {first.summary}")
    if len(found) != len(wanted):
        raise EditError("its entries would not be read as intended")


def find_newline(content: bytes) -> bytes:
    """Return the line break of a file."""
    return b"\r\n" if b"\r\n" in content else b"\n"


def _sort_key(entity: Entity) -> str:
    return fold_case(entity.name)


def _reads_as(found: Entity, wanted: Entity) -> bool:
    """Whether an entry was read as intended. The order of a list counts for users only."""
    return _comparable(found) == _comparable(wanted)


def _comparable(entity: Entity) -> Mapping[str, Field]:
    if entity.kind == USER:
        return entity.fields
    return {path: tuple(sorted(value)) if isinstance(value, tuple) else value for path, value in entity.fields.items()}
