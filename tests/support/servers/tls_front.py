"""A TLS port in front of a server that speaks plain http."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Self

from support.servers.running_server import RunningServer

_BLOCK = 65_536
_PATIENCE = 60.0
"""Seconds without a byte in either direction."""


class TlsFront(RunningServer):
    """Decrypts what arrives at its `port` and passes it on to `behind`, a port of 127.0.0.1.

    `heard`: what arrived, decrypted. `connections`: how many were made, `handshakes`: how many of them trusted it.
    """

    def __init__(self, context: ssl.SSLContext, behind: int) -> None:
        self._context = context
        self._behind = behind
        self.heard = bytearray()
        self.connections = self.handshakes = 0
        self._listener: SocketListener | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        assert self._listener is not None
        return self._listener.port

    def start(self) -> Self:
        self._listener = SocketListener(self._serve)
        return self

    def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as opened:
            self.handshakes += 1
            with closing(socket.create_connection(("127.0.0.1", self._behind), timeout=_PATIENCE)) as behind:
                relay(opened, behind, self.heard)


class SocketListener:
    """Accepts connections on 127.0.0.1 and hands each to `serve` in a thread of its own, until it is closed."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(_PATIENCE)
            self._open.add(connection)
            threading.Thread(target=self._run, args=[connection], daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            self._serve(connection)
        self._open.discard(connection)

    def close(self) -> None:
        """Stop listening, and end all connections."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        self.cut()

    def cut(self) -> None:
        """End all connections."""
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def relay(client: socket.socket, service: socket.socket, heard: bytearray) -> None:
    """Pass bytes on in both directions until one side ends; add those of the client to `heard`."""
    while True:
        waiting = [each for each in (client, service) if isinstance(each, ssl.SSLSocket) and each.pending()]
        ready = waiting or select.select([client, service], [], [], _PATIENCE)[0]
        if not ready:
            return
        for source in ready:
            chunk = source.recv(_BLOCK)
            if not chunk:
                return
            if source is client:
                heard += chunk
            (service if source is client else client).sendall(chunk)
