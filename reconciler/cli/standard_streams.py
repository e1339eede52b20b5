"""stdout that is written whole or not without an error, and stderr that never ends a command.

With PYTHONUNBUFFERED, Python writes stdout as far as one `write` of the system goes and drops the rest. A disk that
fills up, a limit of the size of files and a pipe that does not block would cut a plan, and the command would succeed.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TextIO

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import ReconcilerError

_STDOUT, _STDERR = 1, 2
_PATIENCE, _PATIENCE_WITH_NOTES = 60.0, 5.0
"""Seconds without progress that a write to a pipe that does not block waits for its reader."""
_NEXT_STEP = "Write the output to another place, then run the same command again: nothing is done twice."


class OutputError(ReconcilerError):
    """The output of a command cannot be written, or not to its end. Exit code 1."""


def secure_standard_streams() -> None:
    """Let every write to stdout come whole, or raise; let no write to stderr raise. Nothing else may hold their text.

    A stream that was replaced, as tests do, stays as it is.
    """
    sys.stdout = _secure(sys.stdout, WholeOutput(_STDOUT))
    sys.stderr = _secure(sys.stderr, LossyOutput(_STDERR))


def _secure(stream: TextIO, output: WholeOutput) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or not _writes_to(stream, output.fileno()):
        return stream
    stream.flush()
    # Not every terminal can write every name.
    return io.TextIOWrapper(
        output, encoding=stream.encoding, errors="backslashreplace", newline="\n", write_through=True
    )


def _writes_to(stream: io.TextIOWrapper, handle: int) -> bool:
    try:
        return stream.fileno() == handle
    except (OSError, ValueError):
        return False


class WholeOutput(io.RawIOBase):
    """Writes everything to a file descriptor, which it leaves open. `patience`: seconds without progress.

    Raises `BrokenPipeError` if its reader is gone, and `OutputError` for anything else.
    """

    mode = "wb"

    def __init__(self, handle: int, patience: float = _PATIENCE) -> None:
        super().__init__()
        self.name = handle
        self._patience = patience

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self.name

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self.name)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Write all of `content`; return its size in bytes."""
        try:
            self._write_all(memoryview(content).cast("B"))
        except OSError as exc:
            self._fail(exc)
        return len(content)

    def _fail(self, exc: OSError) -> None:
        if isinstance(exc, BrokenPipeError):
            raise exc
        summary = f"the output cannot be written to its end: {describe_os_error(exc)}"
        raise OutputError(summary, advise(exc, _NEXT_STEP)) from exc

    def _write_all(self, rest: memoryview) -> None:
        while rest:
            try:
                rest = rest[os.write(self.name, rest) :]
            except BlockingIOError:
                self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        poll = select.poll()
        poll.register(self.name, select.POLLOUT)
        if not poll.poll(self._patience * 1000):
            raise TimeoutError(errno.ETIMEDOUT, f"no program reads it for {self._patience:.0f} seconds")


class LossyOutput(WholeOutput):
    """The same for notes and errors: what cannot be written is lost, and nothing waits for a reader again."""

    def __init__(self, handle: int, patience: float = _PATIENCE_WITH_NOTES) -> None:
        super().__init__(handle, patience)

    def _fail(self, exc: OSError) -> None:
        if isinstance(exc, TimeoutError):
            self._patience = 0.0
