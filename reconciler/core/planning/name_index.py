"""Find users by any of their names, in 8 bytes for each name."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.planning.blocks import OpenBlock, SortedNumbers

_ROW_BITS = 24
MOST_ROWS = 1 << _ROW_BITS
"""Users that can be found by their names."""
_HASH_MASK = (1 << (64 - _ROW_BITS)) - 1


class NameIndex:
    """Finds users, by their numbers, by folded name: all that have it, and perhaps some that do not."""

    def __init__(self, open_block: OpenBlock | None = None) -> None:
        self.entries = SortedNumbers(open_block)
        """For each name of a user its hash and the user's number."""

    def add(self, names: Iterable[str], row: int) -> None:
        """Add the names of a user."""
        for name in names:
            self.entries.add((hash(name) & _HASH_MASK) << _ROW_BITS | row)

    def find(self, names: Iterable[str]) -> set[int]:
        """Return the users that have one of these names."""
        found: set[int] = set()
        for name in names:
            lowest = (hash(name) & _HASH_MASK) << _ROW_BITS
            found.update(entry & (MOST_ROWS - 1) for entry in self.entries.find(lowest, lowest | (MOST_ROWS - 1)))
        return found

    def find_shared(self) -> set[int]:
        """Return the users that have a name which another user has too."""
        found: set[int] = set()
        for part in self.entries.list_parts():
            if len({entry >> _ROW_BITS for entry in part}) == len(part):
                continue  # nearly always
            before = -1
            for entry in part:
                if entry >> _ROW_BITS == before >> _ROW_BITS and entry != before:
                    found.update((before & (MOST_ROWS - 1), entry & (MOST_ROWS - 1)))
                before = entry
        return found
