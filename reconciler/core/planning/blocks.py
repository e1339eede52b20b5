"""Numbers and bytes of very many users: in memory while they are few, beyond that in blocks that may be on a disk.

What is read is the same either way. The caller decides where blocks are (`OpenBlock`); without one, all stays in
memory.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import Protocol

MOST_IN_MEMORY = 8 << 20
"""Bytes of one array before it goes to a block."""
_PENDING = 256 << 10
"""Bytes that are written to a block at once."""
_PARTS_BITS = 6
_PART_BITS = 64 - _PARTS_BITS
_REGION = 1 << 30
"""Bytes of the block of an index for each of its parts."""
_STEP = 512
"""Entries of a part of an index in a block for each one that stays in memory."""


class Block(Protocol):
    """Bytes by their places."""

    def read(self, start: int, length: int, /) -> bytes:
        """Return the bytes from `start` on; 0 where nothing was written."""

    def write(self, start: int, content: bytes | bytearray, /) -> None:
        """Write bytes at a place. Raises `MachineLimitError` if that is not possible."""


OpenBlock = Callable[[], Block]
"""Returns an empty block of its own at each call."""


class Blob:
    """Bytes that are appended by one thread, and read by their place by any."""

    def __init__(self, open_block: OpenBlock | None = None, limit: int = MOST_IN_MEMORY) -> None:
        self._open = open_block
        self._most = limit
        self._block: Block | None = None
        self._state = 0, bytearray()
        """How many bytes are in the block, and those that follow: replaced at once, as threads may read."""

    def append(self, content: bytes) -> int:
        """Add bytes; return where they start."""
        written, rest = self._state
        start = written + len(rest)
        rest += content
        if len(rest) >= self._most and self._open is not None:
            if self._block is None:
                self._block, self._most = self._open(), min(self._most, _PENDING)
            self._block.write(written, rest)
            self._state = written + len(rest), bytearray()
        return start

    def read(self, start: int, length: int) -> bytes:
        """Return bytes that were appended at once."""
        written, rest = self._state
        if start < written:
            assert self._block is not None  # noqa: S101 - something was written
            return self._block.read(start, length)
        return bytes(rest[start - written : start - written + length])


class Numbers:
    """Numbers by their places, all of one type of `array`; new ones are 0."""

    def __init__(self, code: str, open_block: OpenBlock | None = None, limit: int = MOST_IN_MEMORY) -> None:
        self._open = open_block
        self._size = array(code).itemsize
        self._most = max(limit // self._size, 1)
        """How many are in memory at most."""
        self._code = code
        self._block: Block | None = None
        self._written = 0
        """How many are in the block; the others follow."""
        self._rest = array(code)

    def __len__(self) -> int:
        return self._written + len(self._rest)

    def append(self, number: int) -> None:
        """Add a number."""
        self._rest.append(number)
        if len(self._rest) >= self._most and self._open is not None:
            self._flush(self._open)

    def replace(self, numbers: array[int]) -> None:
        """Put other numbers in the place of all."""
        self._written, self._rest = 0, numbers
        if self._open is not None and (self._block is not None or len(numbers) >= self._most):
            self._flush(self._open)

    def grow(self, length: int) -> None:
        """Add zeros until there are `length` numbers."""
        missing = length - len(self)
        if missing <= 0:
            return
        if self._open is None or length < self._most:
            self._rest.frombytes(bytes(self._size * missing))
        else:
            self._flush(self._open)
            self._written = length

    def _flush(self, open_block: OpenBlock) -> None:
        if self._block is None:
            self._block, self._most = open_block(), min(self._most, _PENDING // self._size)
        if self._rest:
            self._block.write(self._written * self._size, self._rest.tobytes())
            self._written += len(self._rest)
            self._rest = array(self._code)

    def __getitem__(self, place: int) -> int:
        within = place - self._written
        if within >= 0:
            return int(self._rest[within])
        assert self._block is not None  # noqa: S101 - something was written
        return int(array(self._code, self._block.read(place * self._size, self._size))[0])

    def __setitem__(self, place: int, number: int) -> None:
        within = place - self._written
        if within >= 0:
            self._rest[within] = number
            return
        assert self._block is not None  # noqa: S101 - something was written
        self._block.write(place * self._size, array(self._code, (number,)).tobytes())

    def read(self, start: int, length: int) -> Sequence[int]:
        """Return the numbers from `start` on, `length` or as many as there are."""
        end = min(start + length, len(self))
        if start >= self._written:
            return self._rest[start - self._written : end - self._written]
        assert self._block is not None  # noqa: S101 - something was written
        last = min(end, self._written)
        found = array(self._code, self._block.read(start * self._size, (last - start) * self._size))
        found.extend(self._rest[: end - last])
        return found


class SortedNumbers:
    """Numbers of 64 bits in their order, each as often as it was added."""

    def __init__(self, open_block: OpenBlock | None = None, limit: int = MOST_IN_MEMORY) -> None:
        shared = None if open_block is None else _SharedBlock(open_block)
        self._parts = [
            _Part(None if shared is None else partial(_Region, shared, number * _REGION), limit >> _PARTS_BITS)
            for number in range(1 << _PARTS_BITS)
        ]

    def add(self, number: int) -> None:
        """Add a number."""
        self._parts[number >> _PART_BITS].add(number)

    def extend(self, numbers: Iterable[int]) -> None:
        """Add numbers."""
        parts = self._parts
        for number in numbers:
            parts[number >> _PART_BITS].add(number)

    def find(self, lowest: int, highest: int) -> Iterator[int]:
        """Yield the numbers from `lowest` to `highest`, which differ in their last bits alone."""
        return self._parts[lowest >> _PART_BITS].find(lowest, highest)

    def list_parts(self) -> Iterator[Sequence[int]]:
        """Yield all numbers in order, in parts: those that differ in their last 58 bits alone are in one."""
        return (part.read_all() for part in self._parts)


class _SharedBlock:
    """One block for all parts of an index, opened when the first part needs it."""

    def __init__(self, open_block: OpenBlock) -> None:
        self._open = open_block

    @cached_property
    def block(self) -> Block:
        return self._open()


class _Region:
    """The bytes of one part."""

    def __init__(self, shared: _SharedBlock, start: int) -> None:
        self._shared = shared
        self._start = start

    def read(self, start: int, length: int) -> bytes:
        return self._shared.block.read(self._start + start, length)

    def write(self, start: int, content: bytes | bytearray) -> None:
        assert start + len(content) <= _REGION  # noqa: S101 - 64 parts of fewer than 2^24 users with 500 names each
        self._shared.block.write(self._start + start, content)


class _Part:
    """Some of the numbers, in order when they are looked at."""

    __slots__ = ("_limit", "_numbers", "_open", "_steps")

    def __init__(self, open_block: OpenBlock | None, limit: int) -> None:
        self._open = open_block
        self._limit = limit
        self._numbers: array[int] | Numbers = array("Q")
        self._steps: array[int] | None = None
        """Each `_STEP`th number; None: the order is not known."""

    def add(self, number: int) -> None:
        self._steps = None
        self._numbers.append(number)
        if self._open is not None and isinstance(self._numbers, array) and len(self._numbers) * 8 >= self._limit:
            numbers, self._numbers = self._numbers, Numbers("Q", self._open, self._limit)
            self._numbers.replace(numbers)

    def _sort(self) -> array[int]:
        if self._steps is None:
            ordered = array("Q", sorted(self._read_unordered()))
            if isinstance(self._numbers, array):
                self._numbers = ordered
            else:
                self._numbers.replace(ordered)
            self._steps = ordered[::_STEP]
        return self._steps

    def _read_unordered(self) -> Sequence[int]:
        numbers = self._numbers
        return numbers if isinstance(numbers, array) else numbers.read(0, len(numbers))

    def read_all(self) -> Sequence[int]:
        self._sort()
        return self._read_unordered()

    def find(self, lowest: int, highest: int) -> Iterator[int]:
        steps, numbers = self._sort(), self._numbers
        if isinstance(numbers, array):
            place = bisect_left(numbers, lowest)
            while place < len(numbers) and numbers[place] <= highest:
                yield numbers[place]
                place += 1
            return
        place = max(bisect_left(steps, lowest) - 1, 0) * _STEP
        while place < len(numbers):
            some = numbers.read(place, _STEP)
            yield from some[bisect_left(some, lowest) : bisect_right(some, highest)]
            if some[-1] > highest:
                return
            place += _STEP
