"""Live users as bytes while a list is read: a million of them wait for their desired users in a tenth of the memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler.core.model import AttributePath, LiveUser, Resource, Value
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.planning.packed_pairs import PackedUser

_MOST_SHAPES = 10_000
"""Combinations of attributes. A service has a handful."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class PackingReader:
    """Reads resources as live users, and packs those that may be as desired. May be used by several threads.

    `first_shape`: the number of the first combination of attributes here.
    """

    def __init__(self, reader: ResourceReader, first_shape: int = 0) -> None:
        self._reader = reader
        self._first_shape = first_shape
        self._shapes: dict[int, tuple[AttributePath, ...]] = {}
        self._numbers: dict[tuple[AttributePath, ...], int] = {}
        self._used: set[int] = set()
        self._lock = threading.Lock()

    def read(self, resource: Resource) -> LiveUser | PackedUser:
        """Read the live user in `resource`; bytes if it is packed."""
        return self.pack(self._reader.read(resource))

    def pack(self, user: LiveUser) -> LiveUser | PackedUser:
        """Return the bytes of a user, or the user as it is."""
        number = self._number_shape(tuple(user.attributes)) if _is_ordinary(user) else None
        if number is None:
            return user
        try:
            packed = _encode([number, user.last_modified, *user.match, *user.attributes.values()])
        except UnicodeEncodeError:
            return user  # a lone surrogate is no text in MessagePack
        self._used.add(number)
        return packed

    def unpack(self, live_id: str, packed: PackedUser) -> LiveUser:
        """Return a packed user."""
        number, last_modified, *values = _decode(packed)
        paths = self.get_paths(number)
        start = len(values) - len(paths)
        attributes: dict[AttributePath, Value] = dict(zip(paths, values[start:], strict=True))
        return LiveUser(
            id=live_id,
            user_name=str(attributes["userName"]),
            external_id=str(attributes["externalId"]),
            active=True,
            attributes=attributes,
            managed=True,
            adoptable=False,
            match=tuple(values[:start]),
            last_modified=last_modified,
        )

    def decode(self, packed: PackedUser) -> list[Any]:
        """Return the number of the paths, `meta.lastModified`, the matching values and the values of the paths."""
        values: list[Any] = _decode(packed)
        return values

    def get_paths(self, number: int) -> tuple[AttributePath, ...]:
        """Return the paths of the attributes."""
        return self._shapes[number]

    def take_used(self) -> dict[int, tuple[AttributePath, ...]]:
        """Return the paths of the users that were packed since the last call, by number."""
        used, self._used = self._used, set()
        return {number: self._shapes[number] for number in used}

    def adopt(self, shapes: Mapping[int, tuple[AttributePath, ...]]) -> None:
        """Know the paths of users that another reader has packed, which has other numbers."""
        self._shapes.update(shapes)

    def _number_shape(self, paths: tuple[AttributePath, ...]) -> int | None:
        number = self._numbers.get(paths)
        if number is None:
            with self._lock:
                number = self._numbers.get(paths)
                if number is None and len(self._numbers) < _MOST_SHAPES:
                    number = self._first_shape + len(self._numbers)
                    self._shapes[number] = paths
                    self._numbers[paths] = number
        return number


def _is_ordinary(user: LiveUser) -> bool:
    """Whether a user has nothing that a packed one cannot have."""
    return (
        user.managed
        and user.active
        and not (user.adoptable or user.omits_active or user.lacks_active or user.unselected)
        and user.unreadable is None
        and user.resource is None
        and user.external_id is not None
        and user.attributes.get("userName") == user.user_name
        and user.attributes.get("externalId") == user.external_id
    )
