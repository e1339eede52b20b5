"""Find users by any of their names, in 8 bytes for each name."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

_ROW_BITS = 21
MOST_ROWS = 1 << _ROW_BITS
"""Users that can be found by their names."""
_HASH_MASK = (1 << (64 - _ROW_BITS)) - 1
_BUCKETS = 64
_PART_BITS = 64 - _BUCKETS.bit_length() + 1


def sort_packed(entries: Iterable[int]) -> array[int]:
    """Return numbers of up to 64 bits in order. A list of all of them to be sorted would be five times their size."""
    parts = [array("Q") for _ in range(_BUCKETS)]
    for entry in entries:
        parts[entry >> _PART_BITS].append(entry)
    found = array("Q")
    for part in parts:
        found.extend(sorted(part))
    return found


class NameIndex:
    """Finds users, by their numbers, by folded name: all that have it, and perhaps some that do not."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]
        self._sorted = True

    def add(self, names: Iterable[str], row: int) -> None:
        """Add the names of a user."""
        self._sorted = False
        for name in names:
            digest = hash(name)
            self._buckets[digest % _BUCKETS].append((digest // _BUCKETS & _HASH_MASK) << _ROW_BITS | row)

    def find(self, names: Iterable[str]) -> set[int]:
        """Return the users that have one of these names."""
        self._sort()
        found: set[int] = set()
        for name in names:
            digest = hash(name)
            bucket, wanted = self._buckets[digest % _BUCKETS], digest // _BUCKETS & _HASH_MASK
            place = bisect_left(bucket, wanted << _ROW_BITS)
            while place < len(bucket) and bucket[place] >> _ROW_BITS == wanted:
                found.add(bucket[place] & (MOST_ROWS - 1))
                place += 1
        return found

    def find_shared(self) -> set[int]:
        """Return the users that have a name which another user has too."""
        self._sort()
        found: set[int] = set()
        for bucket in self._buckets:
            if len({entry >> _ROW_BITS for entry in bucket}) == len(bucket):
                continue  # nearly always
            before = -1
            for entry in bucket:
                if entry >> _ROW_BITS == before >> _ROW_BITS and entry != before:
                    found.update((before & (MOST_ROWS - 1), entry & (MOST_ROWS - 1)))
                before = entry
        return found

    def _sort(self) -> None:
        # Bucket by bucket: sorting all at once would take several times the memory.
        if not self._sorted:
            self._buckets = [array("Q", sorted(bucket)) for bucket in self._buckets]
            self._sorted = True
