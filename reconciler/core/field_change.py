"""Compare flat records field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Field = str | tuple[str, ...]


class JsonText(str):
    """A mapping or sequence in a file, such as a scoping filter, as JSON text; other text is a value as written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after; None: unassigned. Of two lists: the removed and the added items."""

    path: str
    before: Field | bool | None
    after: Field | bool | None


def diff_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return the fields that differ, sorted by path."""
    return tuple(
        _compare_field(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )


def _compare_field(path: str, before: Any, after: Any) -> FieldChange:
    if isinstance(before, tuple) and isinstance(after, tuple) and set(before) != set(after):
        gone, came = set(before) - set(after), set(after) - set(before)
        return FieldChange(
            path, tuple(each for each in before if each in gone), tuple(each for each in after if each in came)
        )
    return FieldChange(path, before, after)
