"""The bytes of a receipt: its lines, and what a crash may leave in place of the last one. Pure.

A line is written at once, and is on the disk before the next one and before any request. So a crash leaves a beginning
of one line behind whole ones, or nothing. Anything else was damaged later, and what it held is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeVar

from reconciler.errors import PlanFileError

T = TypeVar("T")

RESTORE = (
    "Restore the file from git or from the record branch: without the record no apply is safe. If you know that\n"
    "nothing was applied, delete its directory."
)
_NULS = (
    "Restore the file from git or from the record branch. If the machine lost power and there is no copy, delete the\n"
    "NULs: they stand for a line that was never complete."
)


def parse_receipt(content: bytes, name: str, parse: Callable[[bytes], T]) -> Iterator[T]:
    """Yield the lines of a receipt, each through `parse`; a last line that a crash cut short is left out.

    Raises `PlanFileError`, with `name` and line, for anything that no crash leaves.
    """
    nul = content.find(b"\0")
    if nul >= 0:
        number = content.count(b"\n", 0, nul) + 1
        raise PlanFileError(f"{name}:{number}: the receipt is damaged: it has NULs", _NULS)
    if content and not content.strip():
        raise PlanFileError(f"{name}:1: the receipt is damaged: it has blank lines only", RESTORE)
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield parse(line)
        except (ValueError, TypeError, RecursionError) as exc:
            if number == len(lines) and is_cut_line(line):
                return
            raise PlanFileError(f"{name}:{number}: not a receipt line", RESTORE) from exc


def is_cut_line(line: bytes) -> bool:
    """Return whether a line without an end may be what a crash left of one: the beginning of one object, or all of it.

    More after an object means that the ends of lines were lost.
    """
    text = line.decode("utf-8", "replace").strip()
    if not text.startswith("{") or "\0" in text:
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return True
    return end == len(text)
