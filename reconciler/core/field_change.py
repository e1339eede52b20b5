from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Field = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One field before and after; None: unassigned. Of a list it is what went, and what came."""

    path: str
    before: Field | bool | None
    after: Field | bool | None


def rows_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Row, ...]:
    """The fields that differ, sorted by path."""
    return tuple(
        _row(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _row(path: str, before: Any, after: Any) -> Row:
    if isinstance(before, tuple) and isinstance(after, tuple) and set(before) != set(after):
        gone, came = set(before) - set(after), set(after) - set(before)
        return Row(path, tuple(each for each in before if each in gone), tuple(each for each in after if each in came))
    return Row(path, before, after)
