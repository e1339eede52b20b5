"""Blocks in temporary files without a name, which are gone when the process ends, however it ends.

They hold personal data, as the desired state does: readable by their owner only, in `TMPDIR`, or in `/var/tmp`, which
is on a disk where `/tmp` is often in memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable

from reconciler.core.model import Diagnostic, warning
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import quote
from reconciler.errors import MachineLimitError

_FOLDER = "/var/tmp"  # noqa: S108 - only files without a name are there
_lacks: dict[str, Diagnostic] = {}
"""By folder, why blocks are in memory."""
_taken: set[str] = set()


def take_warning() -> Diagnostic | None:
    """Return why blocks are in memory, once for each folder; None if they are in files."""
    folder = next((each for each in _lacks if each not in _taken), None)
    if folder is None:
        return None
    _taken.add(folder)
    return _lacks[folder]


class _DiskBlock:
    """Bytes of a file by their places."""

    def __init__(self, handle: int, folder: str) -> None:
        self._handle = handle
        self._folder = folder
        weakref.finalize(self, os.close, handle)

    def read(self, start: int, length: int) -> bytes:
        try:
            found = os.pread(self._handle, length, start)
            while len(found) < length and (more := os.pread(self._handle, length - len(found), start + len(found))):
                found += more
        except OSError as exc:
            raise self._explain(exc) from exc
        return found.ljust(length, b"\0")

    def write(self, start: int, content: bytes | bytearray) -> None:
        rest = memoryview(content)
        try:
            while rest:
                written = os.pwrite(self._handle, rest, start)
                start, rest = start + written, rest[written:]
        except OSError as exc:
            raise self._explain(exc) from exc

    def _explain(self, exc: OSError) -> MachineLimitError:
        summary = f"a temporary file in {quote(self._folder)} cannot be used: {describe_os_error(exc)}"
        return MachineLimitError(summary, advise(exc, "Set TMPDIR to a folder on another disk, then run it again."))


def open_block() -> _DiskBlock:
    """Return an empty block; in memory if no file can be made, of which `take_warning` tells.

    Raises `MachineLimitError` if that is not possible either.
    """
    folder = os.environ.get("TMPDIR") or (_FOLDER if os.path.isdir(_FOLDER) else tempfile.gettempdir())  # noqa: PTH112
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return _DiskBlock(os.dup(file.fileno()), folder)
    except OSError as exc:
        make: Callable[[str], int] | None = getattr(os, "memfd_create", None)
        if make is None:
            summary = f"no temporary file can be made in {quote(folder)}: {describe_os_error(exc)}"
            raise MachineLimitError(summary, advise(exc, "Set TMPDIR to a folder that can be written.")) from exc
        _lacks.setdefault(folder, _describe_lack(folder, exc))
        return _DiskBlock(make("reconciler"), "memory")


def _describe_lack(folder: str, exc: OSError) -> Diagnostic:
    what = f"TMPDIR, {quote(folder)}," if os.environ.get("TMPDIR") else quote(folder)
    summary = f"no temporary file can be made in {what} so users are kept in memory: {describe_os_error(exc)}"
    unset = f", or unset it: then {_FOLDER} is used" if os.environ.get("TMPDIR") else ""
    return warning(
        summary, f"Set TMPDIR to a folder on a disk that can be written{unset}. The memory may not be enough."
    )
