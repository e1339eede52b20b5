"""Services that send a byte now and then: each read ends in time, the response never does."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.workspace import Workspace

from reconciler.scim import response_limits

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/scim+json\r\n"
GZIP = b"\x1f\x8b\x08\x08\0\0\0\0\0\0"
"""The start of a compressed body; a file name of any length follows."""

BEGINNINGS = {
    "in its head": HEAD + b"X-Padding: ",
    "in its body": HEAD + b"Content-Length: 1000000\r\n\r\n",
    "in what a chunk is called": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
    "in what a compressed body is called": HEAD + b"Content-Length: 1000000\r\nContent-Encoding: gzip\r\n\r\n" + GZIP,
}


@contextmanager
def dripping_service(beginning: bytes) -> Iterator[str]:
    """Serve `beginning`, then ten bytes a second for 15 seconds, and yield the base URL."""
    result = threading.Event()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65_536)
            connection.sendall(beginning)
            for _ in range(150):
                if result.wait(0.1):
                    break
                connection.sendall(b"a")

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            for _ in itertools.count():
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        result.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("where", BEGINNINGS)
def test_an_endless_response_ends_in_an_error_message(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_limits, "MAX_SECONDS", 1.0)
    with dripping_service(BEGINNINGS[where]) as base_url:
        workspace = Workspace(tmp_path, base_url, "t0ken", monkeypatch)
        workspace.users([{"userPrincipalName": "ada@example.com"}])
        began = time.monotonic()
        result = workspace.plan()
    assert (result.code, time.monotonic() - began < 10) == (1, True)
    assert "the service's answer takes longer than 1 seconds" in result.err
