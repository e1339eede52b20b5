"""Bring files of users and groups into one layout: the order of keys, indentation, blank lines. Nothing else changes.

Values, quotes and comments stay as they are written, and entries keep their order. The result is read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.history.edits import Entity
from reconciler.history.text_edits import TextEdits
from reconciler.history.yaml_edit import check_entries, find_newline
from reconciler.history.yaml_entries import Piece, split_entries
from reconciler.history.yaml_fields import EntryStyle
from reconciler.history.yaml_nodes import EditError, MappingNode, SequenceNode, parse_nodes

_BLANK_RUN = re.compile(r"\n(?:[ \t]*\n){2,}")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_INDENT = "  "


def format_file(name: str, content: bytes) -> bytes | None:
    """Return the content in this layout; None if the file is not a list with a dash for each entry, and stays.

    Raises `EditError` if an entry cannot be brought into it.
    """
    cut = split_entries(name, content)
    if cut is None or not cut[1]:
        return None
    head, pieces = cut
    newline = find_newline(content)
    formatted = "".join(_format_pieces(pieces))
    text = _tidy(head.decode().replace("\r\n", "\n")) + formatted
    result = f"{text.rstrip()}\n".replace("\n", newline.decode()).encode()
    check_entries(name, result, [piece.entity for piece in pieces])
    return result


def _format_pieces(pieces: list[Piece]) -> Iterator[str]:
    for piece in pieces:
        body = piece.body.decode().replace("\r\n", "\n")
        try:
            yield _format_entry(piece.entity, body if body.endswith("\n") else f"{body}\n")
        except EditError as exc:
            raise EditError(exc.reason, piece.entity.name) from exc
        yield _tidy(piece.tail.decode().replace("\r\n", "\n"), len(body) - len(body.lstrip(" ")))


def _tidy(text: str, indent: int = 0) -> str:
    """Return lines between entries without trailing spaces and without more than one blank line in a row."""
    text = _BLANK_RUN.sub("\n\n", f"\n{_TRAILING.sub('', text)}")[1:]
    return "".join(_shift(line, indent) for line in text.splitlines(keepends=True))


def _format_entry(entity: Entity, body: str) -> str:
    root = parse_nodes(body)
    node = root.items[0] if isinstance(root, SequenceNode) else None
    if not isinstance(node, MappingNode) or not node.pairs:
        raise EditError("it is not a mapping")
    order = EntryStyle(entity.kind).order(())
    ranked = sorted(range(len(node.pairs)), key=lambda number: order.rank(node.pairs[number][0].value))
    return _format_flow(body, node, ranked) if node.is_flow else _format_block(body, node, ranked)


def _format_flow(body: str, node: MappingNode, ranked: list[int]) -> str:
    """Order the pairs of an entry in braces on one line; over several lines they stay."""
    edits = TextEdits(body, "\n")
    spans = [(key.start, max(key.end, value.end)) for key, value in node.pairs]
    if "\n" not in body[node.start : node.end]:
        for (start, end), number in zip(spans, ranked, strict=True):
            edits.replace(start, end, body[slice(*spans[number])])
    lines = f"{' ' * edits.column(node.start)}{edits.apply()[node.start :]}".splitlines(keepends=True)
    return "- " + "".join(_shift(line, edits.column(node.start) - len(_INDENT)) for line in lines).removeprefix(_INDENT)


def _format_block(body: str, node: MappingNode, ranked: list[int]) -> str:
    """Order the lines of the pairs, each with the comments above it; the first key follows the dash."""
    edits = TextEdits(body, "\n")
    column = edits.column(node.pairs[0][0].start)
    segments, start = [], 0
    for number, (key, value) in enumerate(node.pairs):
        if number and not edits.starts_line(key.start):
            raise EditError("it has a key that is not at the start of its line")
        end = edits.next_line(edits.content_end(value))
        segments.append(body[start:end])
        start = end
    dash = len(segments[0]) - len(segments[0].lstrip(" "))
    # After the dash comes the first key, or a comment, or nothing.
    segments[0] = f"{' ' * column}{segments[0][dash + 1 :].lstrip(' ')}".removeprefix(f"{' ' * column}\n")
    lines = "".join(segments[number] for number in ranked).lstrip("\n") + body[start:]
    shifted = "".join(_shift(line, column - len(_INDENT)) for line in lines.splitlines(keepends=True))
    first = shifted.removeprefix(_INDENT)
    return f"-\n{shifted}" if first.startswith("#") or first == shifted else f"- {first}"


def _shift(line: str, by: int) -> str:
    """Move a line by so many columns to the left; a comment that is further left stays."""
    indent = len(line) - len(line.lstrip(" "))
    return line if not line.strip() or indent < by else " " * (indent - by) + line.lstrip(" ")
