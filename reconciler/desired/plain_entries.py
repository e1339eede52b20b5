"""Read the entries of a list that are written plainly, several times faster than libyaml.

Plain is an entry of `key: value` lines at the usual indentation, whose values are words, or text in double quotes
without escapes: nearly all users that programs write. Such lines mean one thing in every version of YAML. From the
first entry that is written otherwise, libyaml reads the file: `None` says so. What both read is the same, by test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from sys import intern
from typing import Any

_KEY = "[A-Za-z][A-Za-z0-9_-]{0,127}"
_WORD = r"[\w./@&'+(),-]"
# No colon and no number sign: what follows them decides what they mean. A first character that begins nothing else.
_VALUE = rf'("[^"\\\n]*"|[\w+]{_WORD}*(?: {_WORD}+)*)'
_LINE = re.compile(rf"({_KEY}): {_VALUE}\n")
_GAP = re.compile(r"(?: *(?:#[^\n]*)?\n)+")
_OUTSIDE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that libyaml refuses, breaks lines at, or takes for a byte order mark; and tabs."""
_MAX_SHAPES = 1_000

Match = Callable[[str, int], re.Match[str] | None]


class PlainMark:
    """A place in a file, 0-based, as libyaml's."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


class _Shape:
    """Entries with the same keys: one match reads all values."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = tuple(map(intern, keys))
        lines = (f"{re.escape(key)}: {_VALUE}\n" for key in keys)
        self.match: Match = re.compile(f"- {'  '.join(lines)}(?! )").match


def read_plain_entries(text: str, build: Callable[[int], Any]) -> Iterator[Any]:
    """Yield the entries of `text`; None, and nothing more, if libyaml has to read the rest.

    `build`: returns an empty mapping for an entry on this line, 0-based. An entry is yielded when what follows it is
    known to be one, or the end: an entry that a syntax error cuts off is none.
    """
    if _OUTSIDE.search(text) is not None:
        yield None
        return
    shapes: dict[tuple[str, ...], _Shape] = {}
    shape: _Shape | None = None
    position, line, end = 0, 0, len(text)
    pending = None
    while position < end:
        found = shape.match(text, position) if shape is not None else None
        if found is None:
            gap = _GAP.match(text, position)
            if gap is not None:
                line += text.count("\n", position, gap.end())
                position = gap.end()
                continue
            shape = _find_shape(text, position, shapes)
            found = shape.match(text, position) if shape is not None else None
        if found is None or shape is None:
            yield None
            return
        values = found.groups()
        if "null" in values:
            yield None
            return
        if pending is not None:
            yield pending
        pending = build(line)
        pending.update(zip(shape.keys, [each[1:-1] if each[0] == '"' else each for each in values], strict=True))
        line += len(values)
        position = found.end()
    yield pending


def _find_shape(text: str, position: int, shapes: dict[tuple[str, ...], _Shape]) -> _Shape | None:
    """Return the shape of the entry at `position`; None if it is not plain."""
    keys: list[str] = []
    while text.startswith("- " if not keys else "  ", position):
        found = _LINE.match(text, position + 2)
        if found is None:
            break
        keys.append(found[1])
        position = found.end()
    known = tuple(keys)
    if not keys or len(set(keys)) < len(keys) or (known not in shapes and len(shapes) >= _MAX_SHAPES):
        return None
    if known not in shapes:
        shapes[known] = _Shape(known)
    return shapes[known]


def mark_keys(line: int, keys: list[str]) -> list[PlainMark]:
    """Return the marks of the keys of a plain entry."""
    return [PlainMark(line + number, 2) for number in range(len(keys))]


def mark_values(line: int, keys: list[str]) -> list[PlainMark]:
    """Return the marks of the values of a plain entry."""
    return [PlainMark(line + number, _value_column(key)) for number, key in enumerate(keys)]


def _value_column(key: str) -> int:
    return len("- ") + len(key) + len(": ")
