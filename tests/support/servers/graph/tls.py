"""A certificate of our own for localhost and 127.0.0.1, and a server that speaks TLS with it."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.servers.http_server import HttpServer, Reply, Request

_SUBJECT = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate that signs itself; return its file, which is also the `ca.pem` of clients, and its key's."""
    certificate, key = folder / "ca.pem", folder / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", _SUBJECT, "-addext", "keyUsage=digitalSignature,keyCertSign"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *curve, *names, *files], check=True, capture_output=True)
    return certificate, key


class TlsHttpServer(HttpServer):
    def __init__(self, answer: Callable[[Request], Reply], certificate: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        super().__init__(answer)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        # The handshake waits for the thread of the connection.
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address
