"""Attempts as bytes: a record of years has very many, and few of them are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache, partial

import msgspec

from reconciler.record.attempts import Attempt, LateAttempts, find_latest

_encode = msgspec.msgpack.Encoder().encode
# Callers that look at an apply count its attempts several times, one after another.
_decode = lru_cache(2)(msgspec.msgpack.Decoder(tuple[Attempt, ...]).decode)


class PackedAttempts(msgspec.Struct, frozen=True, array_like=True):
    """The attempts of one apply. `latest`: the time of the last one."""

    count: int
    latest: datetime
    content: bytes

    def unpack(self) -> LateAttempts:
        """Return the attempts, which are decoded when they are looked at."""
        return LateAttempts(self.count, self.latest, partial(_decode, self.content))


def pack_attempts(attempts: Iterable[Attempt]) -> PackedAttempts:
    """Return attempts as bytes."""
    found = tuple(attempts)
    return PackedAttempts(len(found), find_latest(found), _encode(found))
