"""The HTTP/1.1 side of the test servers: sockets, framing, and faults of the framing."""

import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BLOCK = 1 << 20
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: Iterator[bytes] | None = None
    """Sent chunked in place of the body."""
    drip: float = 0
    """Seconds before each byte of the body."""
    wait: float = 0
    """Seconds before the answer."""
    lost: bool = False
    """The connection is closed in place of an answer."""
    reset: bool = False
    """The connection is reset (RST) in place of an answer."""
    dated: bool = True
    """The answer has a Date, by default that of this machine."""
    break_at: int | None = None
    """The connection is closed after so many bytes of the body."""


class HttpServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1, hands each request to `answer` and sends its reply; remembers what went wrong inside."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.closing = threading.Event()
        self.failures: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._workers: set[threading.Thread] = set()
        self._refusing = 0.0
        self._listening = threading.Lock()
        # A port asked for by its number stays ours while it is closed (`refuse`).
        super().__init__(("127.0.0.1", _free_port()), _Handler)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def _listen(self) -> None:
        # Not `serve_forever`: its end is seen only at the next poll.
        while True:
            try:
                connection, address = self.get_request()
            except OSError:
                self.closing.wait(self._refusing)
                if self.closing.is_set():
                    return
                with self._listening:
                    self.server_activate()
                    self._refusing = 0.0
                continue
            if self.closing.is_set():
                connection.close()
                return
            self.process_request(connection, address)

    def refuse(self, seconds: float) -> None:
        """Refuse new connections for so many seconds; open ones stay."""
        with self._listening:
            # Never twice: Linux then closes whatever the socket accepts later on.
            if not self._refusing:
                self._refusing = seconds
                self.socket.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        # SO_LINGER of no seconds: closing sends RST, unless FIN went out before.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == _RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self._workers.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._workers.discard(threading.current_thread())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is its own affair; everything else is kept (`_Handler`)."""

    def close(self) -> None:
        """Stop listening, end every open connection, and wait for the threads a moment."""
        self.closing.set()
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.server_address[1]), timeout=2).close()
        self._listener.join(timeout=2)
        self.server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for worker in tuple(self._workers):
            worker.join(timeout=2)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # head and body leave together
    server: HttpServer

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            reply = self.server.answer(Request(self.command, self.path, dict(self.headers.items()), body))
        except Exception as error:  # noqa: BLE001 - a fault of the server is shown by `failures`, not hidden in a thread
            self.server.failures.append(error)
            reply = Reply(status=500, body=f"the test server broke: {error!r}".encode())
        self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def _send(self, reply: Reply) -> None:
        if reply.wait and self.server.closing.wait(reply.wait):
            self.close_connection = True
            return
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if reply.lost or reply.reset:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        if "Date" not in reply.headers and reply.dated:
            self.send_header("Date", self.date_time_string())
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is not None:
            self._send_chunks(reply.chunks)
            return
        if reply.status not in {204, 304}:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self._send_body(reply)

    def _send_body(self, reply: Reply) -> None:
        if reply.drip:
            self._drip(reply.body, reply.drip)
        elif reply.break_at is not None:
            self.wfile.write(reply.body[: reply.break_at])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _drip(self, body: bytes, interval: float) -> None:
        self.wfile.flush()
        for position in range(len(body)):
            if self.server.closing.wait(interval):
                self.close_connection = True
                return
            self.wfile.write(body[position : position + 1])
            self.wfile.flush()

    def _send_chunks(self, chunks: Iterator[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if self.server.closing.is_set():
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the servers keep a log of their own."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def padded(document: bytes, size: int) -> Iterator[bytes]:
    """A JSON object in pieces, made `size` bytes longer by white space before its closing brace."""
    yield document[:-1]
    whole, rest = divmod(size, BLOCK)
    block = b" " * BLOCK
    for _ in range(whole):
        yield block
    yield block[:rest] + document[-1:]


def bomb(document: bytes, size: int) -> bytes:
    """The same as gzip: about a thousandth of its size."""
    checksum, length, packed = 0, 0, bytearray(gzip.compress(b"")[:10])
    for piece in padded(document, size):
        checksum = zlib.crc32(piece, checksum)
        length += len(piece)
        packed += _deflated_blank() if len(piece) == BLOCK and not piece.strip() else _deflated(piece)
    packed += zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    return bytes(packed) + checksum.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")


def _deflated(piece: bytes) -> bytes:
    # Z_FULL_FLUSH ends on a byte and forgets what came before: such pieces can be put one after another.
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)


@cache
def _deflated_blank() -> bytes:
    return _deflated(b" " * BLOCK)
