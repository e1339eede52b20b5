"""The output of a tenant's process: a file that takes so much and no more, and never makes a write fail."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

from reconciler.record.files import make_private_directory

MAX_BYTES = 8 * 1024 * 1024
_CUT = "\nThe rest of the output is left out.\n"


class BoundedOutput(io.TextIOBase):
    """Writes text to a file descriptor until `limit` bytes are written; what does not fit on the disk is lost."""

    def __init__(self, handle: int, limit: int = MAX_BYTES) -> None:
        super().__init__()
        self._handle = handle
        self._left = limit

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._handle

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Write what fits."""
        if self._left > 0:
            content = text.encode("utf-8", "backslashreplace")
            if len(content) > self._left:
                content = content[: self._left] + _CUT.encode()
                self._left = 0
            self._left -= len(content)
            with suppress(OSError):
                while content:
                    content = content[os.write(self._handle, content) :]
        return len(text)


def open_output(file: Path) -> int:
    """Return a file descriptor that appends to the new `file`, for this user only; /dev/null if it cannot be one."""
    try:
        make_private_directory(file.parent)
        file.unlink(missing_ok=True)
        return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
