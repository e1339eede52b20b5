"""Locate characters of a block scalar, `>` or `|`, in the lines of its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"(?P<style>[|>])[+-]?[ \t\r]*(?:[ \t]#.*)?")
_Piece = tuple[str, int, int]
"""Consecutive characters of a line: their text in the value, and line and column of the first, 1-based."""


def locate_in_block(lines: Sequence[str], line: int, column: int, text: str, position: int) -> tuple[int, int] | None:
    """Return line and column of character `position` of `text`, the value of the block that starts at `line`, `column`.

    None if it is not a block, or one that this module does not reproduce: with an indentation indicator, or with folded
    lines that are indented further. The result is never a guess: the block is compared with `text`.
    """
    header = _HEADER.fullmatch(lines[line - 1], column - 1)
    if header is None:
        return None
    body = list(_read_body(lines[line:], line + 1))
    pieces = list(_read_folded(body) if header["style"] == ">" else _read_literal(body))
    written = text.rstrip("\n")
    if not written or "".join(piece for piece, _, _ in pieces).rstrip("\n") != written:
        return None
    positions = [(at, start + offset) for piece, at, start in pieces for offset in range(len(piece))]
    if position < len(written):
        return positions[position]
    at, start = positions[len(written) - 1]
    return at, start + 1


def _read_body(lines: Sequence[str], number: int) -> Iterator[_Piece]:
    """Yield the lines of the block without their indentation, which is that of the first line that is not blank."""
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
    for at, line in enumerate(lines, start=number):
        if line[:indent].strip():
            return
        yield line[indent:].rstrip("\r"), at, indent + 1


def _read_literal(body: Sequence[_Piece]) -> Iterator[_Piece]:
    for content, line, column in body:
        yield f"{content}\n", line, column


def _read_folded(body: Sequence[_Piece]) -> Iterator[_Piece]:
    """Fold the lines: a line break becomes a space, a blank line a line break."""
    for index, (content, line, column) in enumerate(body):
        following = body[index + 1][0] if index + 1 < len(body) else ""
        if content:
            yield content + (" " if following else ""), line, column
        else:
            yield "\n", line, column
