"""The pieces of text in which two versions of a file differ, kept between runs: `log USER` reads every version ever.

Versions are named by their blobs, which never change. What is kept is only a part of their text: it is filtered and
parsed as if it had just been read from git, so that the result is the same with and without.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from reconciler import __version__
from reconciler.history.yaml_entries import Pieces

_LARGEST_PAIR = 16 * 1024
"""Bytes of the pieces of two versions: more were changed by a program, or the file is new."""
_LARGEST_ALL = 32 * 1024 * 1024
_FEWEST_NEW = 32
"""So few differences are found again faster than all are written."""

_Known = dict[str, Pieces]
_decode = msgspec.msgpack.Decoder(_Known).decode
_encode = msgspec.msgpack.Encoder().encode


class DifferenceStore(Protocol):
    """Keeps bytes by key, privately. `size`: about half of what they may have."""

    def read(self, key: str, size: int) -> memoryview | None:
        """Return what was written for `key`, unchanged; None if there is nothing."""

    def write(self, key: str, size: int, content: bytes) -> None:
        """Keep `content` for `key`, if that is possible."""


class KnownDifferences:
    """The differences that earlier runs found. `store` None: nothing is kept."""

    def __init__(self, store: DifferenceStore | None = None) -> None:
        self._store = store
        self._key = f"differences of versions 1 {__version__}"
        self._known = self._load()
        self._used: set[str] = set()
        self._new = 0

    def _load(self) -> _Known:
        content = self._store.read(self._key, _LARGEST_ALL) if self._store is not None else None
        try:
            return _decode(content) if content is not None else {}
        except msgspec.DecodeError:
            return {}

    def find(self, old: str | None, new: str | None) -> Pieces | None:
        """Return the pieces in which two blobs differ, None for no file; None if they are not known."""
        key = f"{old or ''} {new or ''}"
        found = self._known.get(key)
        if found is not None:
            self._used.add(key)
        return found

    def add(self, old: str | None, new: str | None, pieces: Pieces) -> None:
        """Keep the pieces in which two blobs differ, unless they are large."""
        if self._store is not None and _measure(pieces) <= _LARGEST_PAIR:
            key = f"{old or ''} {new or ''}"
            self._known[key] = pieces
            self._used.add(key)
            self._new += 1

    def save(self) -> None:
        """Keep what is known for the next run; if it is too much, only what this run used."""
        if self._store is None or self._new < _FEWEST_NEW:
            return
        content = _encode(self._known)
        if len(content) > _LARGEST_ALL:
            content = _encode({key: self._known[key] for key in self._used})
        if len(content) <= _LARGEST_ALL:
            self._store.write(self._key, _LARGEST_ALL, content)


def _measure(pieces: Pieces) -> int:
    return sum(len(piece) for side in pieces for piece in side)
