"""Read the users of a large directory in a worker process, while this process reads the live ones.

The worker is a fork: it runs the code that would run here, on what was read before, and sends rows, diagnostics and the
end over a pipe. A thread of this process takes them from the pipe, so that the worker never waits for long. Then the
worker answers questions, if it was started to. Whatever ends this process ends the worker: the kernel kills it, or it
notices within a second.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import msgspec

from reconciler.core.model import Diagnostic
from reconciler.core.system_limits import explain_exhaustion
from reconciler.desired.content import BrokenStateError, StateContent
from reconciler.desired.user_table import Chunk, ChunkWriter, UserSink, UserTable
from reconciler.desired.worker_questions import Answer, Questions, answer_questions, open_sockets
from reconciler.disk_blocks import open_block
from reconciler.errors import MachineLimitError, ReconcilerError

LEAST_BYTES = 1 << 20
"""Files of users that are smaller together are read without a worker: some 4,000 users, in a quarter of a second."""
_LENGTH = 4
_LONGEST = 1 << 30
"""Bytes of a message. A row is no longer than its file, which is no longer than 64 MiB."""
_PIPE_BYTES = 1 << 20
"""What the pipe holds: the receiving thread waits for its turn at each read, while others decode pages."""
_DIAGNOSTICS = 500
"""In one message."""
_LOOK = 0.5
"""Seconds between two looks whether the parent is there."""
_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Diagnostics(msgspec.Struct, frozen=True, array_like=True, tag="diagnostics"):
    """Some of the diagnostics, in order."""

    items: tuple[Diagnostic, ...]


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    """The content apart from users and diagnostics."""

    digest: str
    files: dict[str, str]
    unseen: str | None


class _End(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    """All was read. `rest` None: the state is broken."""

    rest: _Rest | None


class _Failure(msgspec.Struct, frozen=True, array_like=True, tag="failure"):
    """Something unexpected was raised."""


_Message = Chunk | _Diagnostics | _End | _Failure
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Message).decode

ReadContent = Callable[[UserSink], StateContent | tuple[Diagnostic, ...]]
"""Reads and checks all users, gives each to the sink; returns the content, whose users do not count, or the diagnostics
of a broken state."""


def may_fork() -> bool:
    """Whether a worker is safe: on Linux, in a process without other threads, which a fork would not have."""
    return sys.platform == "linux" and threading.active_count() == 1


def is_large(folder: Path, least: int = LEAST_BYTES) -> bool:
    """Whether the files below `folder` have at least `least` bytes together."""
    total = 0
    for directory, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - there can be 20,000
            if total >= least:
                return True
    return total >= least


class WorkerContent:
    """The content of a desired state that a worker reads.

    `again`: reads it in this process, if something unexpected is raised in the worker. `on_complete`: called when the
    content is complete and has no errors, from any thread. `questions`: to the worker.
    """

    def __init__(
        self,
        process: int,
        pipe: int,
        again: ReadContent,
        on_complete: Callable[[], None],
        questions: Questions | None = None,
    ) -> None:
        self._process: int | None = process
        self._again = again
        self._on_complete = on_complete
        self._questions = questions
        self._table = UserTable(complete=self._complete, open_block=open_block)
        self._diagnostics: list[Diagnostic] = []
        self._end: _End | _Failure | None = None
        self._lack: MachineLimitError | None = None
        self._found: StateContent | ReconcilerError | None = None
        self._settling = threading.Lock()
        self._receiver = threading.Thread(target=self._receive, args=(pipe,), name="desired state", daemon=True)
        self._receiver.start()

    @property
    def users(self) -> UserTable:
        """The users. Each access waits as `wait` does."""
        return self._table

    @property
    def in_scope(self) -> int:
        """The number of users in scope."""
        return self._table.in_scope

    def wait(self) -> StateContent:
        """Return the content when the worker has sent all of it. Raises as `Content.wait` says."""
        self._receiver.join()
        with self._settling:
            if self._found is None:
                self._found = self._settle()
        if isinstance(self._found, ReconcilerError):
            raise self._found
        return self._found

    def _complete(self) -> None:
        if not isinstance(self._found, StateContent):
            self.wait()

    def check(self) -> None:
        """Raise what `wait` would raise, if that is known."""
        if not self._receiver.is_alive():
            self.wait()

    def ask(self, question: bytes) -> bytes | None:
        """Return the answer; None if there is none, or the worker has not sent everything. May be called by threads."""
        return None if self._questions is None else self._questions.ask(question)

    def end_questions(self) -> None:
        """Let the worker end when it has sent everything."""
        if self._questions is not None:
            self._questions.close()

    def close(self) -> None:
        """Kill the worker if it still runs, and wait for its end."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            self._reap()
            self._receiver.join()
        self.end_questions()

    def _reap(self) -> int | None:
        """Wait for the worker's end; return its exit code, negative for a signal; None if it is not known."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        try:
            _, status = os.waitpid(process, 0)
        except ChildProcessError:  # this process was started to ignore how its children end
            return None
        return os.waitstatus_to_exitcode(status)

    def _settle(self) -> StateContent | ReconcilerError:
        answers = self._questions is not None and isinstance(self._end, _End)
        code = None if answers else self._reap()
        if self._lack is not None:
            return self._lack
        if self._end is None:
            return _died(code)
        if isinstance(self._end, _Failure):
            return self._read_again()
        if self._end.rest is None:
            return BrokenStateError(tuple(self._diagnostics))
        rest = self._end.rest
        return StateContent(self._table, tuple(self._diagnostics), rest.digest, rest.files, rest.unseen)

    def _read_again(self) -> StateContent | ReconcilerError:
        """Read in this process: what was raised in the worker is raised here, unless it was about the worker alone."""
        self._table.clear()
        found = self._again(self._table)
        if isinstance(found, tuple):
            return BrokenStateError(found)
        self._on_complete()
        return replace(found, users=self._table)

    # --- the thread that receives ---------------------------------------------------------

    def _receive(self, handle: int) -> None:
        """Take messages from the pipe until the worker ends it. A damaged one is its end."""
        try:
            self._receive_all(handle)
        except MemoryError as exc:
            self._lack = MachineLimitError(*(explain_exhaustion(exc) or ("", "")))
        except MachineLimitError as exc:
            self._lack = exc
        finally:
            self._table.end()
        if isinstance(self._end, _End) and self._end.rest is not None:
            if self._questions is not None:
                self._questions.open()
            self._on_complete()

    def _receive_all(self, handle: int) -> None:
        with open(handle, "rb", buffering=_PIPE_BYTES) as pipe, suppress(ValueError, OSError):
            while self._end is None and (message := _read_message(pipe)) is not None:
                match message:
                    case Chunk():
                        self._table.adopt(message)
                    case _Diagnostics():
                        self._diagnostics.extend(message.items)
                    case _End() | _Failure():
                        self._end = message


def _read_message(pipe: IO[bytes]) -> _Message | None:
    """Read the next message; None at the end. Raises `ValueError` if it is damaged."""
    head = pipe.read(_LENGTH)
    length = int.from_bytes(head, "big")
    if length > _LONGEST:
        raise ValueError("a message that is too long")
    body = pipe.read(length)
    return _decode(body) if len(head) == _LENGTH and len(body) == length else None


def _died(code: int | None) -> MachineLimitError:
    how = "" if code is None else f" (signal {-code})" if code < 0 else f" (exit code {code})"
    return MachineLimitError(
        f"the process that read the desired state ended before it was done{how}",
        "Nothing was planned. Often the machine has run out of memory: close other programs, or raise its limit,\n"
        "then run the same command again.",
    )


# --- the worker ---------------------------------------------------------------------------


def start_worker(
    read: ReadContent, on_complete: Callable[[], None] = lambda: None, make_answer: Callable[[], Answer] | None = None
) -> WorkerContent:
    """Start a worker that reads. `make_answer`: called in it, returns what answers questions afterwards.

    Raises `OSError` if the machine cannot start one.
    """
    ours, theirs = _open_channels(answers=make_answer is not None)
    # A signal between the fork and the worker's own handlers would end it with a traceback.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        prctl = _find_prctl()
        gc.freeze()  # the collector would write to the pages that both processes share
        this, process = os.getpid(), os.fork()
        if process == 0:
            _end_even_if_stopped(prctl, this)
            ours.close()
            _run_worker(theirs, read, make_answer, this)
        questions = Questions(ours.questions) if ours.questions is not None else None
        content = WorkerContent(process, ours.pipe, read, on_complete, questions)
    except OSError:
        ours.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    finally:
        theirs.close()
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    except BaseException:  # a signal that came meanwhile
        content.close()
        raise
    return content


class _Channels(NamedTuple):
    """One end of the pipe for the content, and of the socket for questions."""

    pipe: int
    questions: socket.socket | None

    def close(self) -> None:
        os.close(self.pipe)
        if self.questions is not None:
            self.questions.close()


def _open_channels(*, answers: bool) -> tuple[_Channels, _Channels]:
    """Open the ends of this process and of the worker."""
    ours, theirs = open_sockets() if answers else (None, None)
    receiving, sending = os.pipe()
    with suppress(OSError):
        fcntl.fcntl(sending, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return _Channels(receiving, ours), _Channels(sending, theirs)


def _run_worker(
    channels: _Channels, read: ReadContent, make_answer: Callable[[], Answer] | None, parent: int
) -> NoReturn:
    """Read, send, answer, and end the process: nothing that the other process began is ended here."""
    try:
        _drop_output()
        for each in _SIGNALS:
            if signal.getsignal(each) != signal.SIG_IGN:
                signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        is_sent = send_content(channels.pipe, read)
        if is_sent and channels.questions is not None and make_answer is not None:
            answer_questions(channels.questions, make_answer())
    finally:
        os._exit(0)


def _find_prctl() -> Callable[[int, int], int]:
    """Return prctl(2). It is looked up before the fork, so that nothing takes time after it."""
    with suppress(OSError, AttributeError):
        found: Callable[[int, int], int] = ctypes.CDLL(None).prctl
        return found
    return lambda _option, _value: 0


def _end_even_if_stopped(prctl: Callable[[int, int], int], parent: int) -> None:
    """Let the kernel kill this process when its parent ends, as a stopped one sees nothing."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _drop_output() -> None:
    """Close what this process shares with its parent: a reader of the parent's output must not wait for this one."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)


def _end_with(parent: int) -> NoReturn:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(0)


def send_content(pipe: int, read: ReadContent) -> bool:
    """Read and send everything to `pipe`; whether that was possible. Whatever is raised is sent as a failure."""
    try:
        _send_content(pipe, read)
    except BrokenPipeError:
        return False  # no process wants it
    except Exception:  # noqa: BLE001 - this process has no output of its own; the other reads again and raises it
        _send(pipe, _Failure())
        return False
    return True


def _send_content(pipe: int, read: ReadContent) -> None:
    writer = ChunkWriter(lambda chunk: _send(pipe, chunk))
    found = read(writer)
    writer.flush()
    diagnostics = found if isinstance(found, tuple) else found.diagnostics
    for start in range(0, len(diagnostics), _DIAGNOSTICS):
        _send(pipe, _Diagnostics(diagnostics[start : start + _DIAGNOSTICS]))
    rest = None if isinstance(found, tuple) else _Rest(found.digest, dict(found.files), found.unseen)
    _send(pipe, _End(rest))


def _send(pipe: int, message: _Message) -> None:
    body = _encode(message)
    content = memoryview(len(body).to_bytes(_LENGTH, "big") + body)
    while content:
        content = content[os.write(pipe, content) :]
