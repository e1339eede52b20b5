from __future__ import annotations

import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from reconciler.cli.standard_streams import LossyOutput, OutputError, WholeOutput, secure_standard_streams

TEXT = b"a plan\n" * 60_000
"""More than a pipe holds."""


class Pipe(NamedTuple):
    """A pipe whose end for writing does not block."""

    reading: int
    writing: int

    def read(self) -> bytes:
        os.set_blocking(self.reading, False)
        return os.read(self.reading, 2 * len(TEXT))


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    found = Pipe(*os.pipe())
    os.set_blocking(found.writing, False)
    yield found
    for handle in found:
        os.close(handle)


def cut(monkeypatch: pytest.MonkeyPatch, *ends: int | OSError) -> list[bytes]:
    """Make the system write this many bytes at a time, or raise; then all. Returns what is written."""
    written: list[bytes] = []
    waiting = list(ends)

    def write(_handle: int, content: memoryview) -> int:
        end = waiting.pop(0) if waiting else len(content)
        if isinstance(end, OSError):
            raise end
        written.append(bytes(content[:end]))
        return min(end, len(content))

    monkeypatch.setattr(os, "write", write)
    return written


def test_what_the_system_writes_in_parts_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    written = cut(monkeypatch, 3, 1)
    assert WholeOutput(1).write(b"everything") == 10
    assert written == [b"eve", b"r", b"ything"]


@pytest.mark.parametrize(
    ("code", "advice"), [(errno.ENOSPC, "Free some space"), (errno.EFBIG, "`ulimit -f`"), (errno.EIO, "another place")]
)
def test_an_output_that_is_cut_is_an_error(code: int, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch, 3, OSError(code, os.strerror(code)))
    with pytest.raises(OutputError) as caught:
        WholeOutput(1).write(b"everything")
    assert caught.value.summary.startswith(f"the output cannot be written to its end: {os.strerror(code)}")
    assert advice in caught.value.detail


def test_a_closed_pipe_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    with pytest.raises(BrokenPipeError):
        WholeOutput(1).write(b"everything")


def test_a_pipe_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    found = bytearray()

    def read() -> None:
        while len(found) < len(TEXT):
            found.extend(os.read(pipe.reading, 10_000))

    reader = threading.Thread(target=read)
    reader.start()
    assert WholeOutput(pipe.writing).write(TEXT) == len(TEXT)
    reader.join(30)
    assert bytes(found) == TEXT


def test_a_reader_that_never_reads_is_an_error(pipe: Pipe) -> None:
    with pytest.raises(OutputError, match="no program reads it for 0 seconds") as caught:
        WholeOutput(pipe.writing, patience=0.01).write(TEXT)
    assert "another place" in caught.value.detail


def test_notes_wait_for_no_reader_twice(pipe: Pipe) -> None:
    notes = LossyOutput(pipe.writing, patience=0.01)
    assert notes.write(TEXT) == len(TEXT)
    assert notes._patience == 0
    assert notes.write(b"more") == 4
    assert pipe.read() == TEXT[: 16 * 4096]


@pytest.mark.parametrize("code", [errno.EPIPE, errno.ENOSPC, errno.EBADF])
def test_notes_that_cannot_be_written_end_nothing(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch, OSError(code, os.strerror(code)))
    assert LossyOutput(2).write(b"a note") == 6


def test_the_stream_is_that_of_the_descriptor(pipe: Pipe) -> None:
    output = WholeOutput(pipe.writing)
    assert (output.fileno(), output.isatty(), output.writable(), output.write(b"")) == (pipe.writing, False, True, 0)
    output.close()
    assert os.write(pipe.writing, b"open") == 4


def test_streams_that_were_replaced_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), io.TextIOWrapper(io.BytesIO())):
        monkeypatch.setattr(sys, "stdout", stream)
        secure_standard_streams()
        assert sys.stdout is stream
