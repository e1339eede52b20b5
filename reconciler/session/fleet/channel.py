"""Messages between the process of a fleet command and its fork server: JSON, one object per line, over a socket."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any

from reconciler.core.text import to_ascii_json

_BYTES = 65_536


class MessageChannel:
    """One end of a socket. Messages are small, and few are under way at once: sending never waits for long."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self.closed = False
        """Whether the other end is gone."""

    def fileno(self) -> int:
        """Return the file descriptor, to wait for messages on."""
        return self._socket.fileno()

    def send(self, **message: Any) -> None:
        """Send a message; to an end that is gone, nothing."""
        with suppress(OSError):
            self._socket.sendall(to_ascii_json(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages that have come, after waiting for some; `closed` is set at the end."""
        try:
            found = self._socket.recv(_BYTES)
        except OSError:
            found = b""
        self.closed = not found
        *lines, self._rest = (self._rest + found).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
