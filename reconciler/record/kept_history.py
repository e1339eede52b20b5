"""What the older part of a long record says about accounts, kept from one run to the next by the bytes of its receipts.

Only what time no longer changes is kept: receipts of which the last line was written long before any clock that counts,
up to the first that is not such a one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from reconciler.record.account_history import AccountHistoryBuilder
from reconciler.record.history_state import HistoryState
from reconciler.record.kept_parts import LARGEST, RECEIPTS, PartDigest, RecordStore
from reconciler.record.known_files import KnownFiles
from reconciler.record.layout import RECEIPT

_ENDS = 8
"""Of so many parts one is kept in addition to the last ones: which is the last one is known at the end."""


class _KeptPart(msgspec.Struct, frozen=True, array_like=True):
    """`last`: when the last line of the receipts was written."""

    last: datetime
    state: msgspec.Raw


_decode_entry = msgspec.msgpack.Decoder(_KeptPart).decode
_decode_state = msgspec.msgpack.Decoder(HistoryState).decode


class KeptHistory:
    """The history of accounts by the first receipts of a record. `before`: it may know lines from before then only."""

    def __init__(self, plans: Path, store: RecordStore, kind: str, before: datetime) -> None:
        self._plans, self._store, self._kind, self._before = plans, store, kind, before
        self._digest = PartDigest(plans)
        self._last: datetime | None = None
        self._count = self._total = 0
        self._is_settled = True
        self._found: tuple[str, bytes] | None = None

    def resume(self, builder: AccountHistoryBuilder, paths: Sequence[str]) -> int:
        """Let the builder go on from what is kept; return of how many of the first receipts that is."""
        self._total = len(paths)
        files = KnownFiles(self._plans, self._store, RECEIPT)
        digests = [self._digest]
        for number, path in enumerate(paths[: len(paths) // RECEIPTS * RECEIPTS], start=1):
            if number % RECEIPTS == 1:
                digests.append(digests[-1].copy())
            digests[-1].add(path, files.digest(path)[0])
        for index in reversed(range(1, len(digests))):
            found = self._read(digests[index])
            if found is not None:
                self._last, state = found
                builder.resume(state)
                self._digest, self._count = digests[index], index * RECEIPTS
                break
        return self._count

    def _read(self, digest: PartDigest) -> tuple[datetime, HistoryState] | None:
        known = self._store.read(digest.to_key(self._kind), LARGEST // 2, counts=False)
        if known is None:
            return None
        with suppress(msgspec.DecodeError):
            entry = _decode_entry(known)
            return (entry.last, _decode_state(entry.state)) if entry.last < self._before else None
        return None

    def add(self, builder: AccountHistoryBuilder, path: str, content: bytes, last: datetime | None) -> None:
        """Note that the builder has the next receipt. `last`: of `find_last_moment`."""
        self._digest.add(path, hashlib.sha256(content).digest())
        self._count += 1
        self._is_settled = self._is_settled and last is not None and last < self._before
        if not self._is_settled or last is None:
            return
        self._last = last if self._last is None else max(last, self._last)
        part, rest = divmod(self._count, RECEIPTS)
        if not rest and (part % _ENDS == 0 or self._total - self._count < 2 * RECEIPTS):
            state = msgspec.Raw(msgspec.msgpack.encode(builder.state))
            self._found = self._digest.to_key(self._kind), msgspec.msgpack.encode(_KeptPart(self._last, state))

    def save(self) -> None:
        """Keep what is new, for the next run."""
        if self._found is not None:
            key, content = self._found
            self._store.write(key, LARGEST // 2, content)
