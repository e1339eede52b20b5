"""A parse cache in memory that counts."""

from __future__ import annotations


class MemoryCache:
    def __init__(self, smallest_state: int = 0, smallest_file: int = 0) -> None:
        self.smallest_state = smallest_state
        self.smallest_file = smallest_file
        self.entries: dict[str, bytes] = {}
        self.hits = 0
        self.counted = 0
        self.pruned = 0

    def read(self, key: str, size: int, *, counts: bool = True) -> memoryview | None:
        if counts:
            self.count(size)
        found = self.entries.get(key)
        self.hits += found is not None
        return None if found is None else memoryview(found)

    def count(self, size: int) -> None:
        assert size >= 0
        self.counted += size

    def write(self, key: str, size: int, content: bytes) -> None:
        assert size >= 0
        self.entries[key] = content

    def prune(self) -> None:
        self.pruned += 1
