"""Where the characters of a value stand that is written as a block: `>` or `|`, over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"(?P<style>[|>])[+-]?[ \t\r]*(?:[ \t]#.*)?")
_Piece = tuple[str, int, int]
"""Characters that follow one another in a line: what they are in the value, line and column of the first, 1-based."""


def locate_in_block(lines: Sequence[str], line: int, column: int, text: str, position: int) -> tuple[int, int] | None:
    """Line and column of character `position` of `text`, the value of the block that begins at `line` and `column`.

    None when it is no block, or one that is not put together here as YAML does: with an indentation given by a number,
    or with folded lines that are indented further. The result is never a guess: it is compared with `text`.
    """
    header = _HEADER.fullmatch(lines[line - 1], column - 1)
    if header is None:
        return None
    body = list(_read_body(lines[line:], line + 1))
    pieces = list(_read_folded(body) if header["style"] == ">" else _read_literal(body))
    written = text.rstrip("\n")
    if not written or "".join(piece for piece, _, _ in pieces).rstrip("\n") != written:
        return None
    places = [(at, start + offset) for piece, at, start in pieces for offset in range(len(piece))]
    if position < len(written):
        return places[position]
    at, start = places[len(written) - 1]
    return at, start + 1


def _read_body(lines: Sequence[str], number: int) -> Iterator[_Piece]:
    """The lines of the block less their indentation, which is that of the first one that is not blank."""
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
    for at, line in enumerate(lines, start=number):
        if line[:indent].strip():
            return
        yield line[indent:].rstrip("\r"), at, indent + 1


def _read_literal(body: Sequence[_Piece]) -> Iterator[_Piece]:
    for content, line, column in body:
        yield f"{content}\n", line, column


def _read_folded(body: Sequence[_Piece]) -> Iterator[_Piece]:
    """A line break is a space; of blank lines, each is a line break."""
    for index, (content, line, column) in enumerate(body):
        following = body[index + 1][0] if index + 1 < len(body) else ""
        if content:
            yield content + (" " if following else ""), line, column
        else:
            yield "\n", line, column
