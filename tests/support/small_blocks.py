"""Blocks for tests, and limits so small that everything is in them."""

from __future__ import annotations

import pytest

from reconciler.core.planning import blocks, listed_table
from reconciler.desired import user_table


class MemoryBlock:
    """A block in memory: what was written, by place."""

    def __init__(self) -> None:
        self.parts: dict[int, int] = {}

    def read(self, start: int, length: int) -> bytes:
        return bytes(self.parts.get(place, 0) for place in range(start, start + length))

    def write(self, start: int, content: bytes | bytearray) -> None:
        self.parts.update(enumerate(content, start))


def keep_little(patch: pytest.MonkeyPatch, most: int) -> None:
    """Let a list of more than `most` users, and arrays of as many bytes, go to blocks."""
    for function in (blocks.Blob.__init__, blocks.Numbers.__init__, blocks.SortedNumbers.__init__):
        patch.setattr(function, "__defaults__", (None, most))
    for module, name in (
        (user_table, "MOST_IN_MEMORY"),
        (listed_table, "MOST_OBJECTS"),
        (listed_table, "_TABLE_IN_MEMORY"),
        (blocks, "_STEP"),
        (listed_table, "_IDS"),
    ):
        patch.setattr(module, name, max(most, 1))
    patch.setattr(blocks, "_PENDING", most)
