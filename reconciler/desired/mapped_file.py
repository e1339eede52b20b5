"""The mapped users of one file as bytes, and back: what the cache keeps of a file about which nothing was reported.

They are the rows that a `ChunkWriter` emits, and what is needed to check the users against those of other files.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import date

import msgspec

from reconciler.desired.name_hashes import read_column
from reconciler.desired.user_rows import WHOLE_ITEMS, count_items, least_items
from reconciler.desired.user_table import Chunk

_LENGTH = 4
"""Bytes of MessagePack's longest length."""


class MappedFile(msgspec.Struct, frozen=True, array_like=True):
    """The users of a file."""

    name: str
    """The name of the file."""
    day: date | None
    """The only day on which the users are mapped like this; None: any day."""
    attributes: tuple[str, ...]
    """All source attributes that its users have."""
    names: bytes
    """As `NameHashes.take` returns them."""
    chunks: tuple[Chunk, ...]


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The first items of a row; the others are skipped."""

    value: str | None
    shape: int


_decode_heads = msgspec.msgpack.Decoder(list[_Head]).decode
_decode = msgspec.msgpack.Decoder(MappedFile).decode
_encode = msgspec.msgpack.Encoder().encode


def pack_file(file: MappedFile) -> bytes | None:
    """Return the bytes of a file; None if its users cannot be kept."""
    chunks = tuple(msgspec.structs.replace(chunk, file=None, hashes=b"") for chunk in file.chunks)
    packed = _encode(msgspec.structs.replace(file, chunks=chunks))
    # A first matching value that is no text is never in a file of ordinary users.
    return None if unpack_file(packed, file.name, file.day) is None else packed


def unpack_file(content: bytes | memoryview, name: str, today: date | None) -> MappedFile | None:
    """Return the file `name` as it is on `today`; None if these are not its bytes."""
    try:
        file = _decode(content)
        if file.day not in (None, today):
            return None
        read_column(file.names)
        chunks = tuple(_complete_chunk(chunk, name, is_renamed=file.name != name) for chunk in file.chunks)
    except (msgspec.DecodeError, ValueError):
        return None
    return msgspec.structs.replace(file, name=name, chunks=chunks)


def _complete_chunk(chunk: Chunk, name: str, *, is_renamed: bool) -> Chunk:
    """Return a chunk with its file and the hashes of this process. Raises `ValueError` if it is damaged."""
    starts, dated = array("I", chunk.starts), array("I", chunk.dated)
    count = len(starts)
    if any(row >= count for row in dated) or not 0 <= chunk.in_scope <= count:
        raise ValueError("numbers of rows that are not there")
    heads = _decode_heads(b"\xdd" + count.to_bytes(_LENGTH, "big") + chunk.rows)
    _check_rows(chunk, starts, [head.shape for head in heads], is_renamed=is_renamed)
    hashes = array("q", [0 if head.value is None else hash(head.value) for head in heads])
    return msgspec.structs.replace(chunk, file=name, hashes=hashes.tobytes())


def _check_rows(chunk: Chunk, starts: array[int], shapes: Sequence[int], *, is_renamed: bool) -> None:
    """Check that rows are where they start, and have what their shapes say. Raises `ValueError` if not."""
    if any(map(int.__ge__, starts, starts[1:])) or starts[:1] != array("I", [0]) or starts[-1] >= len(chunk.rows):
        raise ValueError("rows that start elsewhere")
    least = (None, *map(least_items, chunk.shapes))
    for shape, items in set(zip(shapes, [count_items(chunk.rows, start) for start in starts], strict=True)):
        if not 0 <= shape < len(least):
            raise ValueError("a shape that is not there")
        needed = least[shape]
        # A user who is written out whole has the name of the file in the row.
        if items != WHOLE_ITEMS or is_renamed if needed is None else items < needed:
            raise ValueError("a row that is no user of this file")
