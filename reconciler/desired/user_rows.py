"""One desired user as a row of bytes (MessagePack), and back: exactly the same value, in a tenth of the memory.

Nearly all users are *plain*: in scope, without dates, errors and candidates. Their row has each value once, and what
many rows share (the attribute paths, and which value is which) is a `Shape`. Any other user is written out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec

from reconciler.core.model import IN_SCOPE, NO_LIFECYCLE, DesiredUser, Origin, Value

_WHOLE = 0
"""The shape number of a user that is written out whole."""
WHOLE_ITEMS = 3
"""Items of the row of such a user."""
_START = 4
"""Items of a row before its other values: first matching value, shape, line, column."""
_MAX_SHAPES = 10_000
"""Beyond this many shapes, users are written out whole. A directory has a handful."""
_SHORT_ARRAY, _LONG_ARRAY = 16, 1 << 16
"""MessagePack: arrays below these lengths have a header of 1 and of 3 bytes."""

Row = list[Any]
"""A decoded row."""


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """What many plain rows share. Numbers are places in the row."""

    paths: tuple[str, ...]
    """Of `attributes`."""
    created: tuple[str, ...]
    """Of `create_only`."""
    identity: tuple[int, ...]
    """Places of the key, the anchor and the matching values."""
    values: tuple[int, ...]
    """Places of the values of `paths` and `created`."""


@dataclass(frozen=True, slots=True)
class _Build:
    """A shape, ready to build users from rows."""

    paths: tuple[str, ...]
    created: tuple[str, ...]
    key: int
    anchor: int
    match: Callable[[Row], tuple[Any, ...]]
    values: Callable[[Row], tuple[Any, ...]]
    created_values: Callable[[Row], tuple[Any, ...]]

    @classmethod
    def of(cls, shape: Shape) -> _Build:
        """Prepare a shape. Raises `IndexError` if it has no identity."""
        split = len(shape.paths)
        return cls(
            shape.paths,
            shape.created,
            shape.identity[0],
            shape.identity[1],
            _pick(shape.identity[2:]),
            _pick(shape.values[:split]),
            _pick(shape.values[split:]),
        )


def _pick(places: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function that returns the values at `places` of a row."""
    if not places:
        return lambda _row: ()
    if len(places) == 1:
        (only,) = places
        return lambda row: (row[only],)
    return itemgetter(*places)


_Key = tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], tuple[int, ...]]
"""A shape as a tuple."""


class RowCodec:
    """Encodes users as rows and decodes them; collects the shapes of its rows."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        """A row names its shape by its place here, from 1."""
        self._numbers: dict[_Key, int] = {}
        self._builds: list[_Build | None] = [None]
        self._known: set[_Key] = set()
        """The shapes that count to `_MAX_SHAPES`."""

    def take_shapes(self) -> tuple[Shape, ...]:
        """Return the shapes and forget them: the rows that are encoded from now on count theirs from 1 again."""
        shapes, self.shapes = tuple(self.shapes), []
        self._numbers = {}
        self._builds = [None]
        return shapes

    def number_shapes(self, shapes: Sequence[Shape]) -> tuple[int, ...]:
        """Return the number here of each shape of another codec, by its number there."""
        return (_WHOLE, *[self._numbers.get(_make_key(shape)) or self._add_shape(shape) for shape in shapes])

    def _add_shape(self, shape: Shape) -> int:
        self.shapes.append(shape)
        self._builds.append(_Build.of(shape))
        self._numbers[_make_key(shape)] = len(self.shapes)
        return len(self.shapes)

    def get_shape(self, number: int) -> Shape | None:
        """Return the shape of rows with this number; None for users that are written out whole."""
        return None if number == _WHOLE else self.shapes[number - 1]

    def encode(self, user: DesiredUser) -> bytes:
        """Encode a user. The name of its file is not in the row: `decode` is given it."""
        row = self._encode_plain(user) if _is_plain(user) else None
        if row is None:
            row = [user.match[0] if user.match else None, _WHOLE, user]
        try:
            return _encode(row)
        except UnicodeEncodeError:
            # A lone surrogate is no text in MessagePack.
            return _encode([_to_bytes(row[0]), _WHOLE, _to_bytes(msgspec.to_builtins(user))])

    def _encode_plain(self, user: DesiredUser) -> Row | None:
        """Return the row of a plain user; None if there are too many shapes."""
        origin, match = user.origin, user.match
        row: Row = [match[0] if match else None, 0, origin and origin.line, origin and origin.column]
        seen: dict[Value | None, int] = {row[0]: 0}
        identity: list[int] = []
        for value in (user.key, user.anchor, *match):
            place = seen.get(value)
            if place is None:
                place = seen[value] = len(row)
                row.append(value)
            identity.append(place)
        values: list[int] = []
        for value in (*user.attributes.values(), *user.create_only.values()):
            place = seen.get(value)
            if place is None:
                place = len(row)
                row.append(value)
            values.append(place)
        shape = tuple(user.attributes), tuple(user.create_only), tuple(identity), tuple(values)
        number = self._numbers.get(shape)
        if number is None:
            if len(self._known) >= _MAX_SHAPES and shape not in self._known:
                return None
            self._known.add(shape)
            number = self._add_shape(Shape(*shape))
        row[1] = number
        return row

    def decode(self, row: Row, file: str | None) -> DesiredUser:
        """Return the user of a decoded row. `file`: of its origin; None: it has none."""
        build = self._builds[row[1]]
        if build is None:
            return _decode_whole(row[2])
        return DesiredUser(
            row[build.key],
            build.match(row),
            None if file is None else Origin(file, row[2], row[3]),
            row[build.anchor],
            dict(zip(build.paths, build.values(row), strict=True)),
            dict(zip(build.created, build.created_values(row), strict=True)),
        )


def _make_key(shape: Shape) -> _Key:
    return shape.paths, shape.created, shape.identity, shape.values


def _is_plain(user: DesiredUser) -> bool:
    return (
        user.verdict is IN_SCOPE
        and user.lifecycle is NO_LIFECYCLE
        and not user.failed
        and not user.candidates
        and not user.doubtful
    )


def decode_rows(content: bytes, count: int) -> list[Row]:
    """Decode `count` rows that follow each other."""
    rows: list[Row] = _decode(b"\xdd" + count.to_bytes(4, "big") + content)
    return rows


def decode_row(content: bytes) -> Row:
    """Decode one row."""
    row: Row = _decode(content)
    return row


def count_items(content: bytes, start: int) -> int:
    """Return how many items the row at `start` of `content` has. Raises `ValueError` if no usual row is there."""
    first = content[start]
    if 0x90 <= first < 0x90 + _SHORT_ARRAY:  # noqa: PLR2004 - MessagePack's headers
        return first - 0x90
    if first != 0xDC:  # noqa: PLR2004
        raise ValueError("no row")
    return int.from_bytes(content[start + 1 : start + 3], "big")


def least_items(shape: Shape) -> int:
    """Return how many items a row of this shape needs. Raises `ValueError` if no row can have it."""
    places = (*shape.identity, *shape.values)
    if len(shape.identity) < 2 or len(shape.values) != len(shape.paths) + len(shape.created) or min(places) < 0:  # noqa: PLR2004 - the key and the anchor
        raise ValueError("no shape")
    return max(_START, *(place + 1 for place in places))


def starts_with(content: bytes, start: int, value: bytes) -> bool:
    """Whether the row at `start` of `content` has this first matching value, as `encode_value` returns it."""
    first = content[start]
    return content.startswith(value, start + (1 if first < 0x90 + _SHORT_ARRAY else 3 if first == 0xDC else 5))  # noqa: PLR2004 - MessagePack's headers


def encode_value(value: Value) -> bytes:
    """Encode a matching value as rows have it."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_to_bytes(value))


def _decode_whole(content: Any) -> DesiredUser:
    return msgspec.convert(_to_text(content), DesiredUser)


def _to_bytes(value: Any) -> Any:
    """Return `value` with bytes instead of text that is not UTF-8."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
        return value
    if isinstance(value, dict):
        return {_to_bytes(key): _to_bytes(each) for key, each in value.items()}
    return [_to_bytes(each) for each in value] if isinstance(value, list | tuple) else value


def _to_text(value: Any) -> Any:
    """Undo `_to_bytes`."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        return {_to_text(key): _to_text(each) for key, each in value.items()}
    return [_to_text(each) for each in value] if isinstance(value, list) else value


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
