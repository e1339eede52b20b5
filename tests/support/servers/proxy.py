"""A proxy that opens tunnels (CONNECT), and records what it can read of them."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Self

from support.certificates import PrivateAuthority
from support.servers.running_server import RunningServer
from support.servers.tls_front import SocketListener, relay

_MAX_HEAD = 65_536
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One CONNECT as it arrived: its target, and all bytes up to the blank line."""

    target: str
    head: bytes = field(repr=False)


class ConnectProxy(RunningServer):
    """Opens tunnels to `routes` (`host:port` -> port of 127.0.0.1), so that clients resolve no name.

    `credentials` (`user:password`) are required by Basic authentication if they are set. `answer` is sent in place of
    opening a tunnel: bytes, or what is done with the connection. `intercept`: an authority with whose certificates it
    decrypts what passes. `certificate`: the TLS of the proxy itself, for https:// proxies.

    `tunnels` are the requests for tunnels; `seen` is all that a reader of the network or the proxy sees unencrypted or
    encrypted, `decrypted` what it read by intercepting.
    """

    def __init__(
        self,
        routes: Mapping[str, int],
        *,
        credentials: str = "",
        answer: bytes | Callable[[socket.socket], None] | None = None,
        intercept: PrivateAuthority | None = None,
        certificate: ssl.SSLContext | None = None,
    ) -> None:
        self.routes = dict(routes)
        self.credentials = credentials
        self.answer = answer
        self._intercept = intercept
        self._certificate = certificate
        self.tunnels: list[Tunnel] = []
        self.seen, self.decrypted = bytearray(), bytearray()
        self.connections = 0
        self.refusals: list[bytes] = []
        """Answered in place of opening the next tunnels, one after the other."""
        self._lock = threading.Lock()
        self._listener: SocketListener | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        assert self._listener is not None
        return self._listener.port

    @property
    def url(self) -> str:
        """The value of RECONCILER_PROXY, with credentials."""
        scheme = "https" if self._certificate is not None else "http"
        return f"{scheme}://{self.credentials}{'@' if self.credentials else ''}127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._listener = SocketListener(self._serve)
        return self

    def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def cut(self) -> None:
        """End all tunnels, as proxies do with idle ones."""
        assert self._listener is not None
        self._listener.cut()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        if self._certificate is not None:
            connection = self._certificate.wrap_socket(connection, server_side=True)
        head = self._read_head(connection)
        if head is None:
            return
        target = head.split(b" ", 2)[1].decode("latin-1")
        with self._lock:
            self.tunnels.append(Tunnel(target, head))
        answer = self._judge(head, target)
        if callable(answer):
            answer(connection)
            return
        connection.sendall(answer)
        if answer is OPENED:
            self._open(connection, target)

    def _read_head(self, connection: socket.socket) -> bytes | None:
        """Read one request without reading what follows it; None if there is none."""
        head = b""
        while not head.endswith(b"\r\n\r\n") and len(head) < _MAX_HEAD:
            byte = connection.recv(1)
            if not byte:
                break
            head += byte
            self.seen += byte
        return head if head.endswith(b"\r\n\r\n") else None

    def _judge(self, head: bytes, target: str) -> bytes | Callable[[socket.socket], None]:
        if self.credentials:
            basic = b"Basic " + base64.b64encode(self.credentials.encode())
            sent = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"proxy-auth")]
            if sent != [basic]:
                return refuse(407, "Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="corp"')
        with self._lock:
            if self.refusals:
                return self.refusals.pop(0)
        if self.answer is not None:
            return self.answer
        return OPENED if target in self.routes else refuse(502, "Bad Gateway")

    def _open(self, connection: socket.socket, target: str) -> None:
        with closing(socket.create_connection(("127.0.0.1", self.routes[target]), timeout=30)) as service:
            if self._intercept is None:
                relay(connection, service, self.seen)
                return
            anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
            host = target.rpartition(":")[0]
            with (
                self._intercept.serve(host).wrap_socket(connection, server_side=True) as client,
                anything.wrap_socket(service, server_hostname=host) as behind,
            ):
                relay(client, behind, self.decrypted)


def refuse(status: int, reason: str, *headers: str, body: str = "") -> bytes:
    """Return an answer of a proxy that opens no tunnel."""
    lines = [f"HTTP/1.1 {status} {reason}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", body]
    return "\r\n".join(lines).encode()
