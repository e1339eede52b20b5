"""Add, remove and edit entries of files of a desired state; every other byte of the files stays.

An entry that is restored as a whole gets its old text back, with its comments. Single fields are set by a round trip of
that one entry. The result is read again: `EditError` is raised if it does not hold what it should.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import ScalarString

from reconciler.core.field_change import Field
from reconciler.core.text import quote
from reconciler.desired.layout import EDITOR_COMMENT
from reconciler.history.edits import Entity
from reconciler.history.revert import RevertStep
from reconciler.history.yaml_entries import Piece, parse_entries, split_entries

_WIDE = 1_000_000
_LIFECYCLE = "lifecycle"
_EDITOR_LINE = re.compile(rb"^" + re.escape(EDITOR_COMMENT).encode() + rb"[^\n]*", re.MULTILINE)
_EMPTY_LIST = re.compile(rb"^\[\][ ]*(?:\r?\n|\Z)", re.MULTILINE)


class EditError(Exception):
    """A file cannot be edited this way; the message says why."""


class EditedFile:
    """A file while it is edited. `content` None: it does not exist yet. Raises `EditError` if it cannot be split."""

    def __init__(self, name: str, content: bytes | None) -> None:
        self._is_new = content is None
        cut = split_entries(name, content or b"") or split_entries(name, _EMPTY_LIST.sub(b"", content or b""))
        if cut is None:
            raise EditError(f"{name} is not a list with a dash for each entry, or cannot be read")
        self.name = name
        self._head, self._pieces = cut
        self._newline = b"\r\n" if b"\r\n" in (content or b"") else b"\n"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it, not even a comment for humans."""
        return not self._pieces and not _EDITOR_LINE.sub(b"", self._head).strip()

    @property
    def content(self) -> bytes:
        """The bytes of the edited file; without entries it is the empty list, as a file without a list is an error."""
        text = self._head
        if not self._pieces:
            return text + (self._newline if text and not text.endswith(b"\n") else b"") + b"[]" + self._newline
        for piece in self._pieces:
            text += b"" if not text or text.endswith(b"\n") else self._newline
            text += piece.body + piece.tail
        return text

    def apply(self, step: RevertStep, head: bytes, old: Sequence[Piece]) -> None:
        """Carry out one step. Raises `EditError` if the entry cannot be edited.

        `head`, `old`: the text before the first entry, and the entries, of the former file of `step.wanted`.
        """
        place = self._index(step.now)
        if step.wanted is None:
            self._remove(place)
        elif step.fields:
            self._replace(place, _set_fields(self._pieces[place].body, step.fields), step)
        else:
            was = _find_piece(step.wanted, old)
            body = self._reindent(was.body)
            if step.now is None:
                if self._is_new and not self._pieces:
                    self._head = head
                place, old_tail = self._find_place(step.wanted, head, old)
                self._insert(place, Piece(step.wanted, body, was.tail), old_tail)
            else:
                self._replace(place, body, step)

    def check(self, steps: Sequence[RevertStep]) -> None:
        """Read the edited file again. Raises `EditError` if it does not hold what it should."""
        found = [each.fields for each in parse_entries(self.name, self.content)]
        if found != [each.entity.fields for each in self._pieces]:
            raise EditError(f"{self.name} cannot be edited by this command: its entries would not be read as intended")
        for step in steps:
            if step.result is not None and step.result not in found:
                raise EditError(f"{self.name} cannot be edited by this command: a value cannot be written there")

    def _index(self, entity: Entity | None) -> int:
        return next((at for at, piece in enumerate(self._pieces) if piece.entity is entity), -1) if entity else -1

    def find(self, entity: Entity) -> Entity:
        """Return the entry of this file with the fields of `entity`. Raises `EditError` if there is none."""
        found = [piece.entity for piece in self._pieces if piece.entity.fields == entity.fields]
        if not found:
            raise EditError(f"{self.name} does not hold {quote(entity.name)}")
        return found[0]

    def _replace(self, place: int, body: bytes, step: RevertStep) -> None:
        old = self._pieces[place]
        entity = Entity(old.entity.kind, old.entity.name, step.result or {}, self.name)
        self._pieces[place] = Piece(entity, body, old.tail)

    def _remove(self, place: int) -> None:
        """Remove an entry. The comments after it are about the next one, and stay."""
        removed = self._pieces.pop(place)
        before = self._pieces[place - 1].tail if place else self._head
        tail = removed.tail if not _blank(before) else removed.tail[len(_blank(removed.tail)) :]
        kept = before + tail if tail or place < len(self._pieces) else before[: len(before) - len(_blank(before))]
        if place:
            self._pieces[place - 1] = replace(self._pieces[place - 1], tail=kept)
        else:
            self._head = before + tail

    def _insert(self, place: int, piece: Piece, old_tail: bytes | None) -> None:
        """Insert an entry. `old_tail`: the text between its former neighbour and it, if that is its neighbour now."""
        space = _blank(piece.tail) or next((_blank(each.tail) for each in self._pieces if _blank(each.tail)), b"")
        if place:
            before, rest = _split(self._pieces[place - 1].tail, old_tail, space)
            self._pieces[place - 1] = replace(self._pieces[place - 1], tail=before)
        else:
            known = old_tail is not None and self._head.startswith(old_tail)
            before, rest = (old_tail or b"", self._head[len(old_tail or b"") :]) if known else (self._head, b"")
            self._head = before
        tail = rest if _blank(rest) else space + rest
        last = place == len(self._pieces) and not tail.strip()
        self._pieces.insert(place, replace(piece, tail=b"" if last else tail))

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


def _indent(body: bytes) -> int:
    return len(body) - len(body.lstrip(b" "))


def _find_piece(wanted: Entity, old: Sequence[Piece]) -> Piece:
    for piece in old:
        if piece.entity.fields == wanted.fields:
            return piece
    raise EditError(f"{wanted.file}, as it was then, is not a list with a dash for each entry")


def _set_fields(body: bytes, fields: Mapping[str, Field | None]) -> bytes:
    """Return the text of one entry with `fields` set; None: removed."""
    indent = _indent(body)
    text = b"".join(line[indent:] if line[:indent].isspace() or not indent else line for line in _lines(body))
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.allow_unicode = True
    try:
        node = yaml.load(text)
        for path, value in fields.items():
            _set(node[0], path, value)
        out = io.BytesIO()
        yaml.dump(node, out)
    except (YAMLError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as exc:
        raise EditError("an entry cannot be edited by this command") from exc
    lines = [b" " * indent + line if line.strip() else line for line in _lines(out.getvalue())]
    return b"".join(lines).replace(b"\n", b"\r\n" if b"\r\n" in body else b"\n")


def _lines(text: bytes) -> list[bytes]:
    return text.replace(b"\r\n", b"\n").splitlines(keepends=True)


def _set(node: CommentedMap, path: str, value: Field | None) -> None:
    section, _, key = path.partition(".")
    if section == _LIFECYCLE and key:
        inner = node.setdefault(_LIFECYCLE, CommentedMap()) if value is not None else node[_LIFECYCLE]
        _put(inner, key, value)
        if not inner:
            del node[_LIFECYCLE]
    else:
        _put(node, path, value)


def _put(node: CommentedMap, key: str, value: Field | None) -> None:
    old = node.get(key)
    if value is None:
        node.pop(key)
    elif isinstance(value, tuple):
        node[key] = _flow_sequence(value)
    else:
        node[key] = type(old)(value) if isinstance(old, ScalarString) and "\n" not in value else value


def _flow_sequence(values: tuple[str, ...]) -> Any:
    found = CommentedSeq(values)
    found.fa.set_flow_style()
    return found
