"""Ask a worker that has sent everything it was started for, and receive its answers in order, over a socket.

Several threads may ask: the next questions are sent while one is answered. No caller depends on an answer: a caller
that gets none does the work itself. So the end of the other process and a damaged message are not errors.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

Answer = Callable[[bytes], bytes]
"""Returns the answer to a question; must not raise."""

PATIENCE = 30.0
"""Seconds without any part of an answer after which the worker is given up. An answer takes some milliseconds."""
MOST_WAITING = 6
"""Questions that wait for an answer at once. With more of them, a caller is faster on its own."""
_LENGTH = 4
_LONGEST = 256 << 20
"""Bytes of a message. The answers of a service, which are what is sent, have at most 64 MiB."""
_BUFFER = 1 << 20
"""Bytes of the send buffer of each end; the system may allow less."""


def open_sockets(patience: float = PATIENCE) -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets: one to ask with, and one for the worker to answer with."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    # Not settimeout: it would take one more call, and one more turn of this thread, for each read.
    limit = struct.pack("ll", int(patience), int(patience % 1 * 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        ours.setsockopt(socket.SOL_SOCKET, option, limit)
    return ours, theirs


class Questions:
    """The side that asks. Nothing is asked before `open` or after `close`."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()
        self._turn = threading.Condition()
        self._waiting = self._asked = self._answered = 0
        self._is_open = False

    def open(self) -> None:
        """Begin to ask: the other process is ready."""
        self._is_open = True

    def ask(self, question: bytes) -> bytes | None:
        """Return the answer; None if there is none, or other questions wait already."""
        with self._turn:
            if not self._is_open or self._waiting == MOST_WAITING:
                return None
            self._waiting += 1
        try:
            return self._receive(self._send(question))
        except OSError:
            self._give_up()
            return None
        finally:
            with self._turn:
                self._waiting -= 1

    def _send(self, question: bytes) -> int:
        """Send a question after those before it; return its number."""
        with self._sending:
            if self._is_open:
                send(self._socket, question)
            self._asked += 1
            return self._asked - 1

    def _receive(self, number: int) -> bytes | None:
        """Return the answer to the question with this number, after those before it were received."""
        with self._turn:
            self._turn.wait_for(lambda: self._answered == number or not self._is_open)
            if not self._is_open:
                return None
        answer = receive(self._socket)
        if answer is None:
            self._give_up()
            return None
        with self._turn:
            self._answered += 1
            self._turn.notify_all()
        return answer

    def _give_up(self) -> None:
        with self._turn:
            self._is_open = False
            self._turn.notify_all()

    def close(self) -> None:
        """Ask nothing more, which lets the worker end."""
        self._give_up()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # a thread that waits for the other process does not any longer
        with self._sending:
            self._socket.close()


def answer_questions(end: socket.socket, answer: Answer) -> None:
    """Answer questions until the other end is closed."""
    with suppress(OSError):
        while (question := receive(end)) is not None:
            send(end, answer(question))


def send(end: socket.socket, message: bytes) -> None:
    """Send a message. Raises `OSError` if that fails or takes too long."""
    end.sendall(len(message).to_bytes(_LENGTH, "big") + message)


def receive(end: socket.socket) -> bytes | None:
    """Return the next message; None at the end, or if it does not come whole. Raises `OSError` as `send` does."""
    head = end.recv(_LENGTH, socket.MSG_WAITALL)
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH or length > _LONGEST:
        return None
    body = end.recv(length, socket.MSG_WAITALL) if length else b""
    return body if len(body) == length else None
