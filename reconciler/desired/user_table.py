"""The desired users of a directory as rows of bytes: a million of them have 220 MiB with their index.

A `DesiredUser` is built at each access and forgotten afterwards. The rows of very many may be on a disk.
"""

from __future__ import annotations

import sys
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Protocol, overload

import msgspec

from reconciler.core.model import NO_LIFECYCLE, DesiredUser, Value
from reconciler.core.planning.arriving_rows import ArrivedRows, RowsReplacedError
from reconciler.core.planning.blocks import Blob, OpenBlock, SortedNumbers
from reconciler.desired.user_rows import Row, RowCodec, Shape, decode_row, decode_rows, encode_value, starts_with

_CHUNK_BYTES = 256 << 10
MOST_IN_MEMORY = 32 << 20
"""Bytes of rows: some 200,000 users."""
_HASH = 8
_PLACE = 4
"""Bytes of a number of a row or of a place."""
_unpack_places = Struct("=II").unpack


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """Rows of one file that follow each other. `file` None: their users have no origin."""

    file: str | None
    rows: bytes
    starts: bytes
    """Where each row starts in `rows`: 4 bytes each."""
    hashes: bytes
    """`hash` of each row's first matching value, 0 if it has none: 8 bytes each. It differs between processes, but not
    between a process and its forks."""
    in_scope: int
    """The number of its users in scope."""
    dated: bytes
    """The rows in it of users with dates or with protection: 4 bytes each."""
    shapes: tuple[Shape, ...]
    """Of its rows, which name them by their places here, from 1."""

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.starts) // _PLACE


class UserSink(Protocol):
    """Takes users in their order, one at a time or as rows."""

    def append(self, user: DesiredUser, /) -> None:
        """Take a user."""

    def adopt(self, chunk: Chunk, /) -> None:
        """Take the rows of a chunk."""


class ChunkWriter:
    """Packs users into chunks of some 256 KiB, and calls `emit` with each."""

    def __init__(self, emit: Callable[[Chunk], None]) -> None:
        self._codec = RowCodec()
        self._emit = emit
        self._file: str | None = None
        self._rows = bytearray()
        self._starts = array("I")
        self._hashes = array("q")
        self._dated = array("I")
        self._in_scope = 0

    def append(self, user: DesiredUser) -> None:
        """Add a user after the others."""
        file = None if user.origin is None else user.origin.file
        if file != self._file or len(self._rows) >= _CHUNK_BYTES:
            self.flush()
            self._file = file
        row = self._codec.encode(user)
        if user.lifecycle is not NO_LIFECYCLE:
            self._dated.append(len(self._starts))
        self._starts.append(len(self._rows))
        self._rows += row
        value = user.match[0] if user.match else None
        self._hashes.append(0 if value is None else hash(value))
        self._in_scope += user.verdict.in_scope

    def adopt(self, chunk: Chunk) -> None:
        """Emit the chunk of another writer after the users that were added."""
        self.flush()
        self._emit(chunk)

    def flush(self) -> None:
        """Emit what is left."""
        if not self._starts:
            return
        shapes = self._codec.take_shapes()
        starts, hashes = self._starts.tobytes(), self._hashes.tobytes()
        chunk = Chunk(self._file, bytes(self._rows), starts, hashes, self._in_scope, self._dated.tobytes(), shapes)
        self._rows, self._starts, self._hashes, self._in_scope = bytearray(), array("I"), array("q"), 0
        self._dated = array("I")
        self._emit(chunk)


class UserTable(Sequence[DesiredUser]):
    """A sequence of desired users that holds rows, not objects; only appending changes it.

    `complete`: called before each access, if the rows come later; returns when all are there. `open_block`: where very
    many rows are kept; None: all are in memory.
    """

    def __init__(
        self,
        users: Iterable[DesiredUser] = (),
        complete: Callable[[], None] | None = None,
        open_block: OpenBlock | None = None,
    ) -> None:
        self._source = complete
        self._open = open_block
        self._arrival = threading.Condition()
        self._is_complete = complete is None
        self._replaced = 0
        self.clear()
        self.extend(users)

    def clear(self) -> None:
        """Remove all rows: others are to come in their place."""
        self._replaced += 1
        self._codec = RowCodec()
        self._writer = ChunkWriter(self.adopt)
        self._content = Blob(self._open, MOST_IN_MEMORY)
        self._chunks: list[_Rows] = []
        self._firsts: list[int] = []
        """The number of the first row of each chunk."""
        self._length = 0
        self._in_scope = 0
        self._index: _Index | None = None

    def append(self, user: DesiredUser) -> None:
        """Add a user as the last row."""
        self._index = None
        self._writer.append(user)

    def extend(self, users: Iterable[DesiredUser]) -> None:
        """Add users as the last rows."""
        self._index = None
        for user in users:
            self._writer.append(user)

    def adopt(self, chunk: Chunk) -> None:
        """Add the rows that a `ChunkWriter` has emitted. Raises `ValueError` if they do not belong together."""
        self._writer.flush()
        with self._arrival:
            self._adopt(chunk)
            self._arrival.notify_all()

    def end(self) -> None:
        """Say that no more rows come, or that no more can."""
        with self._arrival:
            self._is_complete = True
            self._arrival.notify_all()

    @property
    def is_complete(self) -> bool:
        """Whether no more rows come."""
        return self._is_complete

    def follow(self) -> Iterator[ArrivedRows]:
        """Yield the rows in order as they arrive, until all did.

        Raises `RowsReplacedError` if others were put in their place, and what `complete` raises.
        """
        replaced, place = self._replaced, 0
        while True:
            with self._arrival:
                while place == len(self._chunks) and not self._is_complete:
                    self._arrival.wait()
                arrived = self._chunks[place:]
                first = self._firsts[place] if arrived else self._length
            if not arrived:
                break
            for rows in arrived:
                yield ArrivedRows(first, rows.read_hashes(), rows.read_all())
                first += rows.count
            place += len(arrived)
        self._complete()
        if self._replaced != replaced:
            raise RowsReplacedError

    def _adopt(self, chunk: Chunk) -> None:
        rows = _Rows(chunk, self._codec.number_shapes(chunk.shapes), self._content)
        self._chunks.append(rows)
        self._firsts.append(self._length)
        self._length += rows.count
        self._in_scope += chunk.in_scope
        self._index = None

    def _complete(self) -> None:
        """Have all rows there."""
        if self._source is not None:
            self._source()
        self._writer.flush()

    @property
    def in_scope(self) -> int:
        """The number of users in scope."""
        self._complete()
        return self._in_scope

    def __len__(self) -> int:
        self._complete()
        return self._length

    @overload
    def __getitem__(self, number: int) -> DesiredUser: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[DesiredUser, ...]: ...
    def __getitem__(self, number: int | slice) -> DesiredUser | tuple[DesiredUser, ...]:
        """Build the user of a row."""
        self._complete()
        if isinstance(number, slice):
            return tuple(self[each] for each in range(*number.indices(self._length)))
        place = number + self._length if number < 0 else number
        if not 0 <= place < self._length:
            raise IndexError(number)
        return self.read_user(place)

    def read_user(self, number: int) -> DesiredUser:
        """Build the user of a row that has arrived."""
        rows, within = self._locate(number)
        return self._codec.decode(rows.read_row(within), rows.file)

    def get_shape(self, number: int) -> Shape | None:
        """Return a shape; None if its users are not plain."""
        return self._codec.get_shape(number)

    def _locate(self, number: int) -> tuple[_Rows, int]:
        place = bisect_right(self._firsts, number) - 1
        return self._chunks[place], number - self._firsts[place]

    def __iter__(self) -> Iterator[DesiredUser]:
        """Build the users one after another; faster than by number."""
        self._complete()
        decode = self._codec.decode
        for rows in self._chunks:
            file = rows.file
            for row in rows.read_all():
                yield decode(row, file)

    def list_dated(self) -> Iterator[DesiredUser]:
        """Build the users with dates or with protection, and perhaps some others."""
        self._complete()
        for rows in self._chunks:
            yield from (self._codec.decode(rows.read_row(number), rows.file) for number in rows.dated)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "UserTable(...)"  # a count would wait for all rows

    def has_first(self, number: int, value: Value) -> bool:
        """Whether the row with this number has this first matching value."""
        rows, within = self._locate(number)
        return starts_with(rows.read_bytes(within), 0, encode_value(value))

    def find(self, value: Value) -> int | None:
        """Return the number of the row with this first matching value; None if no row has it, or several have."""
        found = self.find_row(value)
        return None if found is None else found[0]

    def find_row(self, value: Value) -> tuple[int, Row] | None:
        """Return the same number, and the row."""
        if self._index is None:
            self._complete()
            self._index = _Index(self._chunks, self._length, self._open)
        found = None
        for number in self._index.find(hash(value)):
            rows, within = self._locate(number)
            row = rows.read_row(within)
            is_text = row[0].__class__ is str is value.__class__
            if row[0] == value if is_text else self.has_first(number, value):
                if found is not None:
                    return None
                found = number, row
        return found


class _Rows:
    """A chunk, ready to be read from `content`. Raises `ValueError` if its parts do not fit together."""

    __slots__ = ("_content", "_length", "_shapes", "_start", "count", "dated", "file")

    def __init__(self, chunk: Chunk, shapes: tuple[int, ...], content: Blob) -> None:
        self.file = chunk.file
        self._shapes = shapes
        try:
            starts = memoryview(chunk.starts).cast("I")
            hashes = memoryview(chunk.hashes).cast("q")
            self.dated = memoryview(chunk.dated).cast("I")
        except TypeError as exc:  # half a number
            raise ValueError("a chunk of users is damaged") from exc
        self.count = len(starts)
        if len(starts) != len(hashes) or any(number >= len(starts) for number in self.dated):
            raise ValueError("a chunk of users is damaged")
        self._content = content
        self._length = len(chunk.rows)
        end = self._length.to_bytes(_PLACE, sys.byteorder)
        self._start = content.append(b"".join((chunk.starts, end, chunk.hashes, chunk.rows)))

    @property
    def _first(self) -> int:
        """Where the rows start in the content."""
        return self._start + (self.count + 1) * _PLACE + self.count * _HASH

    def read_hashes(self) -> Sequence[int]:
        """Return the hashes of the first matching values."""
        return array("q", self._content.read(self._start + (self.count + 1) * _PLACE, self.count * _HASH))

    def read_bytes(self, number: int) -> bytes:
        """Return the bytes of a row."""
        start, end = _unpack_places(self._content.read(self._start + number * _PLACE, 2 * _PLACE))
        return self._content.read(self._first + start, end - start)

    def read_row(self, number: int) -> Row:
        """Decode a row; its shape is one of the table's."""
        row = decode_row(self.read_bytes(number))
        row[1] = self._shapes[row[1]]
        return row

    def read_all(self) -> list[Row]:
        """Decode all rows; faster than one after another."""
        rows, shapes = decode_rows(self._content.read(self._first, self._length), self.count), self._shapes
        for row in rows:
            row[1] = shapes[row[1]]
        return rows


class _Index:
    """Row numbers by hash: 8 bytes a row, as sorted numbers of hash and row."""

    def __init__(self, chunks: Iterable[_Rows], length: int, open_block: OpenBlock | None) -> None:
        self._bits = max(length.bit_length(), 1)
        self._mask = (1 << (64 - self._bits)) - 1
        bits, mask = self._bits, self._mask
        hashes = (each for rows in chunks for each in rows.read_hashes())
        self._entries = SortedNumbers(open_block, MOST_IN_MEMORY)
        self._entries.extend((each & mask) << bits | row for row, each in enumerate(hashes))

    def find(self, hashed: int) -> Iterator[int]:
        """Return the numbers of rows that may have a value of this hash, in order."""
        lowest, rows = (hashed & self._mask) << self._bits, (1 << self._bits) - 1
        return (entry & rows for entry in self._entries.find(lowest, lowest | rows))
