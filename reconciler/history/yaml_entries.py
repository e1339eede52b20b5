"""Read the entries of files of a desired state, one by one: for the history, which reads very many versions.

A file that lists entries is cut before each line that begins one. Only pieces that differ between two versions are
parsed. A cut inside a quoted text leaves a piece that is not YAML by itself: then the files are read as a whole.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.field_change import Field, JsonText
from reconciler.core.model import Diagnostic, Severity
from reconciler.desired.layout import SUFFIXES
from reconciler.desired.yaml_nodes import YamlMapping, YamlSequence
from reconciler.desired.yaml_reader import Report, read_document, read_items
from reconciler.history.edits import DOCUMENT, GROUP, MAPPING, USER, Entity

NAMES = {USER: "userPrincipalName", GROUP: "name", MAPPING: "target"}
"""The key that identifies an entry, by kind."""
_FIRST = re.compile(rb"\A(?:[ ]*(?:#[^\n]*)?\r?\n|---[ ]*\r?\n|\xef\xbb\xbf)*([ ]*)-(?=[ \r\n])")
_AFTER_DASH = (b" ", b"\n", b"\r", b"")
_BLOCK = 4096
_BOM = b"\xef\xbb\xbf"
PieceFilter = Callable[[bytes], bool]
"""Whether a piece of text can matter. What holds a piece that can matter can matter too."""
Pieces = tuple[list[bytes], list[bytes]]
"""The pieces of an old and of a new version that the other one lacks."""


def detect_kind(name: str) -> str | None:
    """Return what the file `name` lists; None if it is not part of the desired state."""
    if name in ("settings.yaml", "scope.yaml"):
        return DOCUMENT
    if name == "mappings.yaml":
        return MAPPING
    folder, _, rest = name.partition("/")
    if not rest or not rest.casefold().endswith(SUFFIXES) or rest.rpartition("/")[2].startswith("."):
        return None
    return {"users": USER, "groups": GROUP}.get(folder)


def diff_entries(
    name: str, old: bytes, new: bytes, wanted: PieceFilter = lambda _piece: True
) -> tuple[list[Entity], list[Entity]]:
    """Return the entries of two versions of a file that differ, before and after.

    `wanted`: whether a piece of text can matter; others may be left out.
    """
    kind = detect_kind(name)
    if kind is None or old == new:
        return [], []
    if kind == DOCUMENT:
        return _parse_document(name, old), _parse_document(name, new)
    found = _diff_pieces(name, kind, old, new, wanted)
    return (parse_entries(name, old), parse_entries(name, new)) if found is None else found


def find_unreadable(name: str, old: bytes | None, new: bytes | None, wanted: PieceFilter) -> tuple[bool, bool]:
    """Return whether the old and the new version of a file, if there is one, has errors that hide its entries.

    Versions that can be compared by their entries are not read as a whole: there are very many.
    """
    kind = detect_kind(name)
    if kind is None or old == new:
        return False, False
    pieces = kind != DOCUMENT and old and new and _start(old) and _start(new)
    if pieces and _diff_pieces(name, kind, old or b"", new or b"", wanted) is not None:
        return False, False
    return _has_errors(name, kind, old), _has_errors(name, kind, new)


def _has_errors(name: str, kind: str, content: bytes | None) -> bool:
    if content is None:
        return False
    if kind == DOCUMENT:
        return not isinstance(read_document(content, name, _ignore), YamlMapping)
    found: list[Diagnostic] = []
    for _ in read_items(content, name, found.append):
        pass
    return any(each.severity is Severity.ERROR for each in found)


def _diff_pieces(
    name: str, kind: str, old: bytes, new: bytes, wanted: PieceFilter
) -> tuple[list[Entity], list[Entity]] | None:
    """Return the entries of the pieces that differ; None if the versions cannot be compared by pieces."""
    start = _common_start(old, new)
    if start is None:
        return None
    if not wanted(old) and not wanted(new):
        return [], []
    return parse_differences(name, kind, _differing_pieces(old, new, start), wanted)


def cut_differences(old: bytes, new: bytes) -> Pieces | None:
    """Return the pieces in which two versions of a file differ; None if the files cannot be cut."""
    start = _common_start(old, new)
    return _differing_pieces(old, new, start) if start is not None else None


def parse_differences(
    name: str, kind: str, pieces: Pieces, wanted: PieceFilter
) -> tuple[list[Entity], list[Entity]] | None:
    """Return the entries of the `wanted` pieces, before and after; None if one of these is no entry by itself."""
    before, after = (_parse_pieces(name, kind, filter(wanted, side)) for side in pieces)
    return None if before is None or after is None else (before, after)


def parse_entries(name: str, content: bytes, wanted: PieceFilter = lambda _piece: True) -> list[Entity]:
    """Return the entries of a file; of one that is not valid YAML those before the error."""
    kind = detect_kind(name)
    if kind is None:
        return []
    if kind == DOCUMENT:
        return _parse_document(name, content)
    start = _start(content)
    if start and not wanted(content):
        return []
    found = _parse_pieces(name, kind, filter(wanted, _cut(content, start)[1])) if start else None
    return _read_whole(name, kind, content) if found is None else found


def _start(content: bytes) -> bytes | None:
    """Return how each line that begins an entry begins; b"" in a file without entries; None if it cannot be cut."""
    found = _FIRST.match(content)
    if found is not None:
        return found.group(1) + b"-"
    lines = (line.rstrip() for line in content.removeprefix(_BOM).split(b"\n"))
    return None if any(line and line != b"---" and line[:1] != b"#" for line in lines) else b""


def _common_start(old: bytes, new: bytes) -> bytes | None:
    one, other = _start(old), _start(new)
    if not one or not other:
        return one or other if None not in (one, other) else None
    return one if one == other else None


def _cut(content: bytes, start: bytes) -> tuple[bytes, list[bytes]]:
    """Return the text before the first entry, and the text of each entry."""
    starts = list(_find_starts(content, start))
    if not starts:
        return content, []
    return content[: starts[0]], [content[one:end] for one, end in zip(starts, [*starts[1:], None], strict=True)]


def _find_starts(content: bytes, start: bytes) -> Iterator[int]:
    first = len(_BOM) if content.startswith(_BOM) else 0
    if _is_start(content, first, start):
        yield first
    place, marker = -1, b"\n" + start
    while (place := content.find(marker, place + 1)) >= 0:
        if _is_start(content, place + 1, start):
            yield place + 1


def _is_start(content: bytes, place: int, start: bytes) -> bool:
    end = place + len(start)
    return content.startswith(start, place) and content[end : end + 1] in _AFTER_DASH


def _differing_pieces(old: bytes, new: bytes, start: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the pieces of each that the other lacks. Their common beginning and end are not even cut."""
    begin = _find_last_start(old, _count_same_prefix(old, new), start)
    old, new = old[begin:], new[begin:]
    common = _count_same_suffix(old, new)
    # At 0 it is not known whether a line begins there.
    place = next(filter(None, _find_starts(old[len(old) - common :], start)), common)
    old, new = old[: len(old) - common + place], new[: len(new) - common + place]
    before, after = Counter(_cut(old, start)[1]), Counter(_cut(new, start)[1])
    return list((before - after).elements()), list((after - before).elements())


def _find_last_start(content: bytes, end: int, start: bytes) -> int:
    """Return the last line start of an entry before `end`, including the character after it; 0 if there is none."""
    place, marker = end, b"\n" + start
    while (place := content.rfind(marker, 0, max(place - 1, 0))) >= 0:
        if _is_start(content, place + 1, start):
            return place + 1
        place += len(marker)
    return 0


def _count_same_prefix(old: bytes, new: bytes) -> int:
    """Return how many bytes both begin with: whole blocks first, then by halving the block that differs."""
    limit, size = min(len(old), len(new)), 0
    while size < limit and old[size : size + _BLOCK] == new[size : size + _BLOCK]:
        size += _BLOCK
    low, high = min(size, limit), min(size + _BLOCK, limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if old[low:middle] == new[low:middle] else (low, middle - 1)
    return low


def _count_same_suffix(old: bytes, new: bytes) -> int:
    """Return how many bytes both end with."""
    limit, size = min(len(old), len(new)), 0
    ends = len(old), len(new)
    while size < limit and (
        old[max(ends[0] - size - _BLOCK, 0) : ends[0] - size] == new[max(ends[1] - size - _BLOCK, 0) : ends[1] - size]
    ):
        size += _BLOCK
    low, high = min(size, limit), min(size + _BLOCK, limit)
    while low < high:
        middle = (low + high + 1) // 2
        same = old[ends[0] - middle : ends[0] - low] == new[ends[1] - middle : ends[1] - low]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def _parse_pieces(name: str, kind: str, pieces: Iterable[bytes]) -> list[Entity] | None:
    """Return the entries of pieces; None if one of them is not an entry by itself."""
    found = []
    for piece in pieces:
        items = _parse_piece(name, piece)
        if items is None:
            return None
        found.append(build_entity(name, kind, items))
    return found


def _parse_piece(name: str, piece: bytes) -> YamlMapping | None:
    diagnostics: list[Diagnostic] = []
    items = list(read_items(piece, name, diagnostics.append))
    broken = any(each.summary.startswith("not YAML") for each in diagnostics)
    return items[0] if len(items) == 1 and not broken else None


def _parse_document(name: str, content: bytes) -> list[Entity]:
    node = read_document(content, name, _ignore) if content else None
    return [build_entity(name, DOCUMENT, node)] if isinstance(node, YamlMapping) else []


def build_entity(name: str, kind: str, item: YamlMapping) -> Entity:
    """Return the entry or document `item` of the file `name`."""
    fields = _flatten(item)
    if kind == DOCUMENT:
        return Entity(DOCUMENT, name, fields, name)
    value = fields.get(NAMES[kind], "")
    return Entity(kind, value if isinstance(value, str) else "", fields, name)


def _flatten(node: YamlMapping) -> dict[str, Field]:
    return dict(_leaves(node, ""))


def _leaves(node: YamlMapping, below: str) -> Iterator[tuple[str, Field]]:
    for key, value in node.items():
        if isinstance(value, YamlMapping):
            yield from _leaves(value, f"{below}{key}.")
        elif isinstance(value, YamlSequence):
            values = tuple(each if isinstance(each, str) else _as_text(each) for each in value if each)
            if values:
                yield below + key, values
        elif value:
            yield below + key, value


def _as_text(node: object) -> JsonText:
    return JsonText(json.dumps(node, ensure_ascii=False, default=str))


def _ignore(_diagnostic: Diagnostic) -> None:
    """Errors in earlier versions are not reported."""


# --- the text of entries, to edit it ----------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryCut:
    """Where the entries of a file begin: the offset of the line of each, in bytes, and its number, 0-based."""

    starts: Sequence[int]
    lines: Sequence[int]

    def get_text(self, content: bytes, number: int) -> bytes:
        """Return the text of entry `number`, with the blank lines and comments after it."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(content)
        return content[self.starts[number] : end]


def cut_at(content: bytes, lines: Sequence[int]) -> EntryCut | None:
    """Cut a file into its entries; None if it cannot be. `lines`: the line of the first key of each entry, 0-based.

    Each piece holds exactly one entry, so that what looks like an entry inside of a text cuts nothing.
    """
    start = _start(content)
    starts = list(_find_starts(content, start)) if start else []
    if len(starts) != len(lines):
        return None
    numbers, line, before = array("L"), 0, 0
    for place in starts:
        line += content.count(b"\n", before, place)
        numbers.append(line)
        before = place
    ends = [*numbers[1:], line + content.count(b"\n", before) + 1] if numbers else []
    fits = all(first <= key < end for first, key, end in zip(numbers, lines, ends, strict=True))
    return EntryCut(array("L", starts), numbers) if fits else None


@dataclass(frozen=True, slots=True)
class Piece:
    """An entry with its text, and the blank lines and comments after it, which belong to what follows."""

    entity: Entity
    body: bytes
    tail: bytes = b""


def split_entries(name: str, content: bytes) -> tuple[bytes, list[Piece]] | None:
    """Return the text before the first entry, and the entries; None if the file cannot be cut into entries."""
    kind = detect_kind(name)
    if kind in (None, DOCUMENT) or kind is None:
        return None
    entities, lines = [], []
    for item in read_items(content, name, _ignore):
        entities.append(build_entity(name, kind, item))
        lines.append(item.mark.line)
    cut = cut_at(content, lines) if lines or _start(content) == b"" else None
    return None if cut is None else build_pieces(content, entities, cut)


def build_pieces(content: bytes, entities: Sequence[Entity], cut: EntryCut) -> tuple[bytes, list[Piece]]:
    """Return the text before the first entry, and the entries with their texts."""
    start = _start(content) or b"-"
    pieces = [
        _build_piece(entity, cut.get_text(content, number), len(start) - 1) for number, entity in enumerate(entities)
    ]
    return content[: cut.starts[0]] if pieces else content, pieces


def _read_whole(name: str, kind: str, content: bytes) -> list[Entity]:
    return [build_entity(name, kind, item) for item in read_items(content, name, _ignore)]


def read_entries(name: str, content: bytes, report: Report) -> list[Entity]:
    """Return the entries of a file, read as a whole; a document is one entry. Errors go to `report`."""
    kind = detect_kind(name)
    if kind == DOCUMENT:
        node = read_document(content, name, report)
        return [build_entity(name, DOCUMENT, node)] if isinstance(node, YamlMapping) else []
    return [] if kind is None else [build_entity(name, kind, item) for item in read_items(content, name, report)]


def _build_piece(entity: Entity, text: bytes, indent: int) -> Piece:
    """Split an entry from its tail: blank lines, and comments that are not indented like its own lines."""
    size = 0
    for line in reversed(text.splitlines(keepends=True)[1:]):
        bare = line.lstrip(b" ")
        about_the_next = bare.startswith(b"#") and len(line) - len(bare) <= indent
        if bare.strip() and not about_the_next and not line.startswith(b"..."):
            break
        size += len(line)
    return Piece(entity, text[: len(text) - size], text[len(text) - size :])
