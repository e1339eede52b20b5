"""Shards: a run is divided among workers by `--shard I/N`, and over a day by `--slice I/N`. Pure."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.text import quote, shorten
from reconciler.errors import UsageError

MAX_PARTS = 20_000
_PART = re.compile(r"([0-9]{1,5})/([0-9]{1,5})", re.ASCII)
_BYTES = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One of `count` parts; `number` is 1 to `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Part(1, 1)


def parse_part(text: str, option: str) -> Part:
    """Parse `3/32`. Raises `UsageError` for anything else: an error must not become a part that is never run."""
    found = _PART.fullmatch(text)
    part = Part(int(found[1]), int(found[2])) if found else Part(0, 0)
    if not 1 <= part.number <= part.count <= MAX_PARTS:
        raise UsageError(
            f"{option} {quote(shorten(text, 40))} is not a part such as 3/32",
            f"Name the part and how many there are: {option} 1/32 to {option} 32/32.",
        )
    return part


def assign_shards(weights: Mapping[str, int], count: int) -> dict[str, int]:
    """Return the shard, 1 to `count`, of each tenant: the heaviest first, each to the lightest shard.

    The same weights give the same shards whatever their order; every tenant is in exactly one.
    """
    loads = [(0, number) for number in range(1, count + 1)]
    found: dict[str, int] = {}
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        load, number = heapq.heappop(loads)
        found[name] = number
        # Tenants without users take time as well: they are spread, too.
        heapq.heappush(loads, (load + weights[name] + 1, number))
    return found


def hash_name(name: str) -> float:
    """Return a number from 0 up to 1 that depends on the name only: other tenants come and go without effect on it."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:_BYTES]) / (1 << _BYTES * 8)


def is_in_slice(name: str, part: Part) -> bool:
    """Whether a tenant belongs to a slice: by its name, so that it is in the same one every day."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:_BYTES]) % part.count == part.number - 1
