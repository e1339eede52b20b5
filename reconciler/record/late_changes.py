"""Changes on record of which only the hashes of their keys are known until one is asked for. Pure."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Mapping, ValuesView

from reconciler.record.runs import AppliedChange


class LateChanges(Mapping[str, AppliedChange]):
    """Changes by the keys of their accounts. `load` is called for a key that may be there, and to list them all.

    `hashes`: of all keys, by `hash_key`, or what `pack_hashes` made of them. A record of 10,000 applies has 400,000
    keys. Another key of the same hash costs a call.
    """

    __slots__ = ("_hashes", "_load")

    def __init__(self, hashes: Iterable[int] | bytes, load: Callable[[], Mapping[str, AppliedChange]]) -> None:
        self._hashes = array("q", hashes if isinstance(hashes, bytes) else sorted(set(hashes)))
        self._load = load

    @property
    def hashes(self) -> Collection[int]:
        """The hashes of all keys."""
        return self._hashes

    def __contains__(self, key: object) -> bool:
        return self._may_have(key) and key in self._load()

    def __getitem__(self, key: str) -> AppliedChange:
        if not self._may_have(key):
            raise KeyError(key)
        return self._load()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load()) if self._hashes else 0

    def values(self) -> ValuesView[AppliedChange]:
        """The changes, the same object for all keys of one: `Mapping` would look each key up by itself."""
        return self._load().values()

    def items(self) -> ItemsView[str, AppliedChange]:
        """The same with their keys."""
        return self._load().items()

    def _may_have(self, key: object) -> bool:
        hashed = hash_key(str(key))
        place = bisect_left(self._hashes, hashed)
        return place < len(self._hashes) and self._hashes[place] == hashed


def hash_key(key: str) -> int:
    """Return 64 bits of a digest of a key: the same in every run, unlike `hash`."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def pack_hashes(hashes: Iterable[int]) -> bytes:
    """Return hashes as bytes, for this machine."""
    return array("q", sorted(set(hashes))).tobytes()


def hash_keys(changes: Mapping[str, AppliedChange]) -> Collection[int]:
    """Return the hashes of the keys of `changes`, without reading late ones."""
    return changes.hashes if isinstance(changes, LateChanges) else [hash_key(key) for key in changes]
