"""The desired users of a directory as rows of bytes: a million of them are 220 MiB with their index.

A `DesiredUser` is built at each access and forgotten afterwards.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from reconciler.core.model import DesiredUser, Value
from reconciler.desired.user_rows import RowCodec, decode_row, decode_rows, encode_value, starts_with

_CHUNK_BYTES = 256 << 10
_HASH_BITS = 63


@dataclass(slots=True)
class Chunk:
    """Rows of one file that follow each other. `file` None: their users have no origin."""

    file: str | None
    content: bytes | bytearray = field(default_factory=bytearray)
    starts: array[int] = field(default_factory=lambda: array("I"))
    """Where each row starts in `content`."""
    hashes: array[int] = field(default_factory=lambda: array("q"))
    """`hash` of each row's first matching value; 0 if it has none."""

    def read(self, number: int) -> bytes:
        """Return the bytes of a row."""
        starts = self.starts
        end = starts[number + 1] if number + 1 < len(starts) else len(self.content)
        return bytes(self.content[starts[number] : end])


class UserTable(Sequence[DesiredUser]):
    """A sequence of desired users that holds rows, not objects; only appending changes it."""

    def __init__(self, users: Iterable[DesiredUser] = ()) -> None:
        self.in_scope = 0
        """The number of users in scope."""
        self._codec = RowCodec()
        self._chunks: list[Chunk] = []
        self._firsts: list[int] = []
        """The number of the first row of each chunk."""
        self._length = 0
        self._index: _Index | None = None
        self.extend(users)

    def append(self, user: DesiredUser) -> None:
        """Add a user as the last row."""
        row = self._codec.encode(user)
        file = None if user.origin is None else user.origin.file
        chunk = self._chunks[-1] if self._chunks else None
        if chunk is None or chunk.file != file or len(chunk.content) + len(row) > _CHUNK_BYTES:
            chunk = self._begin_chunk(file)
        assert isinstance(chunk.content, bytearray)  # noqa: S101 - only the last chunk grows
        chunk.starts.append(len(chunk.content))
        chunk.content += row
        value = user.match[0] if user.match else None
        chunk.hashes.append(0 if value is None else hash(value))
        self._length += 1
        self.in_scope += user.verdict.in_scope
        self._index = None

    def extend(self, users: Iterable[DesiredUser]) -> None:
        """Add users as the last rows."""
        for user in users:
            self.append(user)

    def _begin_chunk(self, file: str | None) -> Chunk:
        if self._chunks:
            last = self._chunks[-1]
            last.content = bytes(last.content)
        chunk = Chunk(file)
        self._chunks.append(chunk)
        self._firsts.append(self._length)
        return chunk

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> DesiredUser: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[DesiredUser, ...]: ...
    def __getitem__(self, number: int | slice) -> DesiredUser | tuple[DesiredUser, ...]:
        """Build the user of a row."""
        if isinstance(number, slice):
            return tuple(self[each] for each in range(*number.indices(self._length)))
        place = number + self._length if number < 0 else number
        if not 0 <= place < self._length:
            raise IndexError(number)
        chunk, within = self._locate(place)
        return self._codec.decode(decode_row(chunk.read(within)), chunk.file)

    def _locate(self, number: int) -> tuple[Chunk, int]:
        place = bisect_right(self._firsts, number) - 1
        return self._chunks[place], number - self._firsts[place]

    def __iter__(self) -> Iterator[DesiredUser]:
        """Build the users one after another; several times faster than by number."""
        decode = self._codec.decode
        for chunk in self._chunks:
            file = chunk.file
            for row in decode_rows(bytes(chunk.content), len(chunk.starts)):
                yield decode(row, file)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"UserTable of {self._length:,} users"

    def find(self, value: Value) -> int | None:
        """Return the number of the row with this first matching value; None if no row has it, or several have."""
        if self._index is None:
            self._index = _Index(self._chunks, self._length)
        wanted, found = encode_value(value), None
        for number in self._index.find(hash(value)):
            chunk, within = self._locate(number)
            if starts_with(chunk.content, chunk.starts[within], wanted):
                if found is not None:
                    return None
                found = number
        return found


class _Index:
    """Row numbers by hash: 8 bytes a row, as one sorted array of hash and number."""

    def __init__(self, chunks: Iterable[Chunk], length: int) -> None:
        self._bits = max(length.bit_length(), 1)
        self._mask = (1 << (_HASH_BITS - self._bits)) - 1
        bits, mask = self._bits, self._mask
        hashes = (each for chunk in chunks for each in chunk.hashes)
        self._entries = array("Q", sorted([(each & mask) << bits | row for row, each in enumerate(hashes)]))

    def find(self, hashed: int) -> Iterator[int]:
        """Yield the numbers of rows that may have a value of this hash, in order."""
        lowest = (hashed & self._mask) << self._bits
        entries, last = self._entries, lowest | ((1 << self._bits) - 1)
        place = bisect_left(entries, lowest)
        while place < len(entries) and entries[place] <= last:
            yield entries[place] & ((1 << self._bits) - 1)
            place += 1
