"""The changes that an apply attempted, by its receipt. Pure.

A record of years has very many, and few are looked at: those of kept outlines are decoded when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import overload

import msgspec

from reconciler.core.plan import is_not_started
from reconciler.record.timestamps import LONG_AGO


@dataclass(frozen=True, slots=True)
class Attempt:
    """One change in one apply, by its receipt. `digest`: the same for the same change."""

    address: str
    action: str
    digest: str
    result: str
    message: str
    time: datetime
    live_id: str | None = None

    @property
    def not_started(self) -> bool:
        """Whether the apply was to send it when it was interrupted: it is one of `ApplyRun.left`."""
        return is_not_started(self.result, self.message)


_encode = msgspec.msgpack.Encoder().encode
# Whoever looks at an apply counts its attempts several times, one after another.
_decode = lru_cache(2)(msgspec.msgpack.Decoder(tuple[Attempt, ...]).decode)


class PackedAttempts(msgspec.Struct, frozen=True, array_like=True):
    """Attempts as bytes. `latest`: the time of the last one."""

    count: int
    latest: datetime
    content: bytes


def pack_attempts(attempts: Iterable[Attempt]) -> PackedAttempts:
    """Return attempts as bytes."""
    found = tuple(attempts)
    return PackedAttempts(len(found), find_latest(found), _encode(found))


class LateAttempts(Sequence[Attempt]):
    """Attempts that are decoded when they are looked at."""

    __slots__ = ("_packed",)

    def __init__(self, packed: PackedAttempts) -> None:
        self._packed = packed

    @property
    def latest(self) -> datetime:
        """The time of the last one; `LONG_AGO` if there is none."""
        return self._packed.latest

    def __len__(self) -> int:
        return self._packed.count

    def __iter__(self) -> Iterator[Attempt]:
        return iter(_decode(self._packed.content))

    @overload
    def __getitem__(self, place: int) -> Attempt: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Attempt, ...]: ...
    def __getitem__(self, place: int | slice) -> Attempt | tuple[Attempt, ...]:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def find_latest(attempts: Sequence[Attempt]) -> datetime:
    """Return the time of the last attempt; `LONG_AGO` if there is none."""
    if isinstance(attempts, LateAttempts):
        return attempts.latest
    return max((each.time for each in attempts), default=LONG_AGO)
