"""Files of the record that did not change since they were read last, by what the operating system says of each.

The time of a file's last change of status is set by the kernel, at each write, rename and change of other times: no
program can choose it. A file of the same number, size and times therefore has the bytes that it had. Of a file that
changed a moment ago nothing is kept: it could change again within the same tick of the clock.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from reconciler.record.files import read_file
from reconciler.record.kept_parts import LARGEST, RecordStore, make_prefix

_AT_REST = 60.0
"""Seconds since its last change after which a file is kept. Clocks of file systems tick up to two seconds apart, and
what a program has mapped into memory is written within thirty."""
_NANOSECONDS = 1_000_000_000

Stamp = tuple[int, int, int, int, int]
"""Device, number, size, and the times of the last changes of content and of status in nanoseconds."""
_Known = dict[bytes, tuple[Stamp, bytes]]
_decode = msgspec.msgpack.Decoder(_Known).decode


class KnownFiles:
    """The SHA-256 of files below `plans`, by name. `store` None: each is read. `kind`: of which files."""

    def __init__(self, plans: Path, store: RecordStore | None, kind: str) -> None:
        self._prefix = make_prefix(plans)
        self._store = store
        self._key = f"files {kind} 1 {plans.resolve()}"
        self._known = self._load()
        self._now: _Known = {}
        self._is_new = False

    def _load(self) -> _Known:
        found = self._store.read(self._key, LARGEST // 2, counts=False) if self._store is not None else None
        if found is not None:
            with suppress(msgspec.DecodeError):
                return _decode(found)
        return {}

    def digest(self, path: Path | str) -> tuple[bytes, bytes | None]:
        """Return the SHA-256 of a file, and its content if it had to be read. Raises `PlanFileError` if it cannot be.

        It is opened even if it is known: so a file that may not be read is noticed, and one of another machine.
        """
        name = self._name(path)
        known = self._known.get(name)
        if known is not None and known[0] == read_stamp(path):
            self._now[name] = known
            return known[1], None
        content = self.read(path)
        return hashlib.sha256(content).digest(), content

    def read(self, path: Path | str) -> bytes:
        """Return the content of a file, and know it from now on. Raises `PlanFileError` if it cannot be read."""
        if self._store is None:
            return read_file(path)
        began, before = time.time(), read_stamp(path)
        content = read_file(path)
        # If it changed in between, it never has the stamp from before again.
        if before is not None and _is_at_rest(before, began):
            self._now[self._name(path)] = before, hashlib.sha256(content).digest()
            self._is_new = True
        return content

    def _name(self, path: Path | str) -> bytes:
        return os.fsencode(os.fspath(path).removeprefix(self._prefix))

    def save(self) -> None:
        """Keep what is known of the files that were asked for, if any of it is new."""
        if self._store is not None and self._is_new:
            self._store.write(self._key, LARGEST // 2, msgspec.msgpack.encode(self._now))


def read_stamp(path: Path | str) -> Stamp | None:
    """Return the stamp of a regular file; None if there is none that can be read."""
    try:
        # To look at it without opening it would be faster, but a network file system may answer from memory then.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_at_rest(stamp: Stamp, now: float) -> bool:
    return stamp[-1] < (now - _AT_REST) * _NANOSECONDS
