"""The source users of one file as bytes, and back: what the parse cache keeps of a file without any diagnostic.

It is the number of users, without which a file that ends between two chunks would look like one of fewer users, and
msgpack in chunks of 1,000 users, each after its length, so that a large file is never in memory as a whole. Most users
have the same keys at the same places of their entries: a chunk has each such layout once, and only the values of each
user. A place is `line << 16 | column`, 0-based; those in a layout count lines from the first of the entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial

import msgspec

from reconciler.core.model import NO_LIFECYCLE, Lifecycle, Origin, SourceUser, SourceValue
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.yaml_nodes import YamlMapping

FORMAT = 1
"""To be raised with every change of what the bytes mean."""
_USERS_A_CHUNK = 1000
_LENGTH = 4
_COLUMN_BITS = 16
_COLUMN = (1 << _COLUMN_BITS) - 1


class _Layout(msgspec.Struct, array_like=True, frozen=True):
    """The keys of an entry in their order, the places of their values, and the attributes that its row has."""

    keys: tuple[str, ...]
    places: tuple[int, ...]
    attributes: tuple[str, ...]


class _Chunk(msgspec.Struct, array_like=True, frozen=True):
    """Users, by columns: for each the index of its layout, the place of its entry, and its values.

    `lifecycles`: start, expiry and protection of the users that have a lifecycle, by their index.
    """

    layouts: list[_Layout]
    indexes: list[int]
    places: list[int]
    values: list[tuple[str | bool | tuple[str, ...], ...]]
    lifecycles: dict[int, tuple[date | None, date | None, bool]]


_DECODER = msgspec.msgpack.Decoder(_Chunk)
_UNREADABLE = (msgspec.DecodeError, ValueError, IndexError)


class UsersPacker:
    """Packs the users of a file while they are parsed. One diagnostic, and there is nothing to keep."""

    def __init__(self) -> None:
        self._packed: bytearray | None = bytearray()
        self._count = 0
        self._start_chunk()

    def _start_chunk(self) -> None:
        self._layouts: dict[tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]], int] = {}
        self._indexes: list[int] = []
        self._places: list[int] = []
        self._values: list[tuple[SourceValue, ...]] = []
        self._lifecycles: dict[int, tuple[date | None, date | None, bool]] = {}
        self._places_by_keys: dict[tuple[str, ...], tuple[int, ...]] = {}

    def discard(self) -> None:
        """Keep nothing of this file."""
        self._packed = None

    def add(self, item: YamlMapping, user: SourceUser) -> None:
        """Add the user of an entry."""
        if self._packed is None:
            return
        keys, attributes = tuple(item), user.attributes
        layout = (keys, self._find_places(item, keys), tuple(attributes))
        if user.lifecycle is not NO_LIFECYCLE:
            dates = user.lifecycle
            self._lifecycles[len(self._values)] = (dates.starts, dates.expires, dates.protected)
        self._indexes.append(self._layouts.setdefault(layout, len(self._layouts)))
        self._places.append(item.mark.line << _COLUMN_BITS | item.mark.column)
        self._values.append(tuple(attributes.values()))
        if len(self._values) == _USERS_A_CHUNK:
            self._pack_chunk()

    def _find_places(self, item: YamlMapping, keys: tuple[str, ...]) -> tuple[int, ...]:
        """Return the places of the values of an entry, without making the marks of each if they follow."""
        if not item.marks_follow:
            return _pack_places(item)
        places = self._places_by_keys.get(keys)
        if places is None:
            places = self._places_by_keys[keys] = _pack_places(item)
        return places

    def finish(self) -> bytes | None:
        """Return the bytes; None if there is nothing to keep."""
        if self._values:
            self._pack_chunk()
        return None if self._packed is None else self._count.to_bytes(_LENGTH, "big") + self._packed

    def _pack_chunk(self) -> None:
        try:
            chunk = msgspec.msgpack.encode(
                (tuple(self._layouts), self._indexes, self._places, self._values, self._lifecycles)
            )
        except (TypeError, ValueError):  # text that is not UTF-8
            self.discard()
        if self._packed is not None:
            self._packed += len(chunk).to_bytes(_LENGTH, "big") + chunk
        self._count += len(self._values)
        self._start_chunk()


def _pack_places(item: YamlMapping) -> tuple[int, ...]:
    """Return the places of an entry's values. No line has more than `MAX_LINE` bytes: a column fits."""
    line = item.mark.line
    return tuple([(mark.line - line) << _COLUMN_BITS | mark.column for mark in item.value_marks])


def unpack_users(content: memoryview, file: str, keys: UserKeys) -> Iterator[list[SourceUser] | None]:
    """Yield the users of `file` a chunk at a time; None, and nothing more, if it has to be parsed from there on.

    It has to if `keys` reports a key, or if the bytes are not what `UsersPacker` returned.
    """
    left = int.from_bytes(content[:_LENGTH], "big") if len(content) >= _LENGTH else -1
    position = _LENGTH
    while position < len(content):
        start = position + _LENGTH
        position = start + int.from_bytes(content[position:start], "big")
        users = _unpack_chunk(content[start:position], file, keys) if start < position <= len(content) else None
        yield users
        if users is None:
            return
        left -= len(users)
    if left:
        yield None


def _unpack_chunk(content: memoryview, file: str, keys: UserKeys) -> list[SourceUser] | None:
    try:
        chunk = _DECODER.decode(content)
        if not all(keys.accepts(layout.keys) for layout in chunk.layouts):
            return None
        return _build_users(chunk, file)
    except _UNREADABLE:
        return None


def _build_users(chunk: _Chunk, file: str) -> list[SourceUser]:
    """Build users as `read_source_user` does. Raises `ValueError` or `IndexError` if rows and layouts do not match."""
    # By columns: a third faster than by users.
    origins = [Origin(file, (place >> _COLUMN_BITS) + 1, (place & _COLUMN) + 1) for place in chunk.places]
    layouts = [chunk.layouts[index] for index in chunk.indexes]
    attributes = [
        dict(zip(layout.attributes, values, strict=True)) for layout, values in zip(layouts, chunk.values, strict=True)
    ]
    lifecycles = [NO_LIFECYCLE] * len(origins)
    for index, dates in chunk.lifecycles.items():
        lifecycles[index] = Lifecycle(*dates)
    places = [partial(_find_origin, layout, origin) for layout, origin in zip(layouts, origins, strict=True)]
    return list(map(SourceUser, attributes, origins, lifecycles, places))


def _find_origin(layout: _Layout, entry: Origin, key: str) -> Origin:
    """Return the origin of the value of `key`; the entry's own if it has no such key."""
    if key not in layout.keys:
        return entry
    place = layout.places[layout.keys.index(key)]
    return Origin(entry.file, entry.line + (place >> _COLUMN_BITS), (place & _COLUMN) + 1)
