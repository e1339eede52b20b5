"""A private file that lines are added to, each as soon as there is something to say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from reconciler.errors import ReconcilerError


class LogFile:
    """Open for adding; made readable by its owner only. Losing it must not end an apply: `fault` says why it did."""

    def __init__(self, path: Path) -> None:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as fault:
            raise ReconcilerError(f"cannot write the log {path}: {fault.strerror}", "Nothing was changed.") from fault
        self._file: IO[bytes] = os.fdopen(handle, "ab", buffering=0)
        self.path = path
        self.fault: str | None = None

    def add(self, line: str) -> None:
        """Adds one line, in one write."""
        if self.fault is None:
            try:
                self._file.write(line.encode())
            except OSError as fault:
                self.fault = str(fault.strerror)

    def close(self) -> None:
        """No lines follow."""
        self._file.close()
