"""Parts of the record that are not parsed again: what was read from them, kept by the bytes of their receipts.

The digests of the files make the key: a receipt that is changed, damaged, lost or new is never taken for what it was.
What is kept comes from `RecordStore`, which gives back only what the same user's program put in.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from reconciler import __version__

T = TypeVar("T")

RECEIPTS = 250
"""How many receipts a part has. Fewer are parsed: they take a moment, and need nothing to be kept."""
LARGEST = 64 * 1024 * 1024
"""Bytes of what is kept of one part."""


class RecordStore(Protocol):
    """Keeps bytes by key; None if there are none. `size`: half of the bytes that there may be.

    `counts`: whether they are of a file of users of that size.
    """

    def read(self, key: str, size: int, *, counts: bool) -> memoryview | None: ...  # noqa: D102
    def write(self, key: str, size: int, content: bytes) -> None: ...  # noqa: D102


class PartDigest:
    """The digest of receipts with these names and contents, in this order."""

    def __init__(self, plans: Path) -> None:
        self._plans = plans
        self._prefix = make_prefix(plans)
        self._digest = hashlib.sha256()

    def add(self, path: Path | str, digest: bytes) -> None:
        """Add a receipt; `digest`: the SHA-256 of its content."""
        name = os.fspath(path).removeprefix(self._prefix).encode("utf-8", "surrogateescape")
        self._digest.update(hashlib.sha256(name).digest() + digest)

    def copy(self) -> PartDigest:
        """Return another one of the same receipts, to which others can be added."""
        copied = PartDigest(self._plans)
        copied._digest = self._digest.copy()
        return copied

    def to_key(self, kind: str) -> str:
        """Return the key of what is kept of the receipts so far."""
        return f"{kind} {_fingerprint()} {self._digest.hexdigest()}"


def make_prefix(plans: Path) -> str:
    """Return how paths below `plans` begin. Without it they are relative, at a tenth of the time."""
    return f"{plans}{os.sep}"


def split_into_parts(receipts: Sequence[T]) -> Iterable[Sequence[T]]:
    """Return the parts of a record: all but the last one have `RECEIPTS` receipts."""
    return (receipts[start : start + RECEIPTS] for start in range(0, len(receipts), RECEIPTS))


@cache
def _fingerprint() -> str:
    """Return a digest of all that decides what is read from receipts: version and, in development, source."""
    digest = hashlib.sha256()
    for part in (__version__, platform.python_version(), msgspec.__version__):
        digest.update(part.encode() + b"\0")
    package = Path(__file__).parents[1]
    for folder in ("core", "record"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
