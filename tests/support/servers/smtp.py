"""A mail server with STARTTLS, logins and the faults of servers: only what a client of a few messages needs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from support.servers.running_server import RunningServer

USER, PASSWORD = "bot@example.com", "hunter2-planted-secret"
_PATIENCE = 30.0


@dataclass(slots=True)
class SmtpFaults:
    """How the server misbehaves. Codes 0: it does not."""

    address: str = "127.0.0.1"
    """Where it listens."""
    implicit_tls: bool = False
    starttls: bool = True
    """Whether STARTTLS is offered."""
    starttls_code: int = 0
    injected: bytes = b""
    """Sent in the same packet as the answer to STARTTLS, before the handshake."""
    mechanisms: str = "PLAIN LOGIN"
    login_code: int = 0
    echo: bool = False
    """Every refusal repeats user and password, and what the client said."""
    sender_code: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Recipients that are refused, with the code."""
    data_code: int = 0
    greeting: bytes = b"220 mail.example.com ESMTP\r\n"
    greeting_drip: float = 0
    """Seconds before each byte of the greeting."""
    endless_ehlo: bool = False
    long_line: bool = False
    endless_line: bool = False
    nonsense_to: str = ""
    """A command that is answered with what is no answer of SMTP."""
    hang_after: str = ""
    """A command after which it says nothing any more."""
    drop_after: str = ""
    """A command after which it closes the connection."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted message. `encrypted`, `user`: how it came."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


class SmtpService(RunningServer):
    """Listens on 127.0.0.1; `mails` are what it accepted, `heard` what was said to it before TLS."""

    def __init__(self, certificate: ssl.SSLContext | None = None, faults: SmtpFaults | None = None) -> None:
        self.faults = faults or SmtpFaults()
        self.mails: list[Mail] = []
        self.connections = 0
        self.plain_lines: list[bytes] = []
        self.logins: list[tuple[str, bool]] = []
        self._certificate = certificate
        self.closing = threading.Event()

    def url(self, scheme: str = "smtp", host: str = "127.0.0.1", query: str = "") -> str:
        user = USER.replace("@", "%40")
        return f"{scheme}://{user}:{PASSWORD}@{host}:{self.port}{query}"

    def start(self) -> Self:
        self._socket = socket.create_server((self.faults.address, 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        self.closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        with suppress(OSError, ValueError), _Dialog(self, connection, self._certificate) as dialog:
            dialog.run()


class _Dialog:
    """One connection."""

    def __init__(self, service: SmtpService, connection: socket.socket, certificate: ssl.SSLContext | None) -> None:
        self._service, self._faults = service, service.faults
        self._connection = connection
        self._certificate = certificate
        self._encrypted = False
        self._user = ""
        self._sender, self._recipients = "", list[str]()
        self._lines = self._read_lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self) -> None:
        if self._faults.implicit_tls:
            self._encrypt()
        for position in range(len(self._faults.greeting)) if self._faults.greeting_drip else ():
            if self._service.closing.wait(self._faults.greeting_drip):
                return
            self._send(self._faults.greeting[position : position + 1])
        if not self._faults.greeting_drip:
            self._send(self._faults.greeting)
        for line in self._lines:
            word = line.partition(b" ")[0].upper().decode("ascii", "replace")
            if not self._encrypted:
                self._service.plain_lines.append(line)
            if word == self._faults.hang_after:
                self._service.closing.wait(_PATIENCE)
                return
            if word == self._faults.drop_after or not self._answer(word, line):
                return

    def _answer(self, word: str, line: bytes) -> bool:
        """Answer one command; return whether to go on."""
        if word == self._faults.nonsense_to:
            self._send(f"<html>{PASSWORD}\r\n".encode())
            return True
        answers: dict[str, Callable[[bytes], None]] = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
        }
        if word == "QUIT":
            self._reply(221, "bye")
            return False
        answers.get(word, lambda _line: self._reply(250, "ok"))(line)
        return True

    def _ehlo(self, _line: bytes) -> None:
        if self._faults.long_line:
            self._send(b"250 " + b"x" * 100_000 + b"\r\n")
            return
        while self._faults.endless_line and not self._service.closing.is_set():
            self._send(b"250 " + b"x" * 100_000)
        while self._faults.endless_ehlo and not self._service.closing.is_set():
            self._send(b"250-more\r\n" * 1000)
        extensions = ["SIZE 1000000"]
        if self._faults.starttls and not self._encrypted:
            extensions.append("STARTTLS")
        if self._faults.mechanisms:
            extensions.append(f"AUTH {self._faults.mechanisms}")
        self._send(b"250-mail.example.com\r\n")
        for each in extensions[:-1]:
            self._send(f"250-{each}\r\n".encode())
        self._send(f"250 {extensions[-1]}\r\n".encode())

    def _starttls(self, line: bytes) -> None:
        if self._faults.starttls_code:
            self._refuse(self._faults.starttls_code, line)
            return
        self._send(b"220 go ahead\r\n" + self._faults.injected)
        self._encrypt()

    def _auth(self, line: bytes) -> None:
        mechanism, _, initial = line.partition(b" ")[2].partition(b" ")
        match mechanism.upper():
            case b"PLAIN":
                given = base64.b64decode(initial or self._ask(b"")).split(b"\0")[1:]
            case b"LOGIN":
                user = base64.b64decode(initial) if initial else self._ask_decoded(b"Username:")
                given = [user, self._ask_decoded(b"Password:")]
            case _:
                challenge = b"<1@mail.example.com>"
                user, _, digest = self._ask_decoded(challenge).partition(b" ")
                right = hmac.new(PASSWORD.encode(), challenge, hashlib.md5).hexdigest().encode()
                given = [user, PASSWORD.encode() if digest == right else b"wrong"]
        self._service.logins.append((mechanism.decode(), self._encrypted))
        if self._faults.login_code or given != [USER.encode(), PASSWORD.encode()]:
            self._refuse(self._faults.login_code or 535, b" ".join(given))
            return
        self._user = USER
        self._reply(235, "welcome")

    def _ask(self, challenge: bytes) -> bytes:
        self._send(b"334 " + base64.b64encode(challenge) + b"\r\n")
        return next(self._lines)

    def _ask_decoded(self, challenge: bytes) -> bytes:
        return base64.b64decode(self._ask(challenge))

    def _mail(self, line: bytes) -> None:
        self._sender, self._recipients = _address(line), []
        if self._faults.sender_code:
            self._refuse(self._faults.sender_code, line)
        else:
            self._reply(250, "ok")

    def _rcpt(self, line: bytes) -> None:
        code = self._faults.refused.get(_address(line), 0)
        if code:
            self._refuse(code, line)
        else:
            self._recipients.append(_address(line))
            self._reply(250, "ok")

    def _data(self, _line: bytes) -> None:
        self._reply(354, "go on")
        lines: list[bytes] = []
        for line in self._lines:
            if line == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        content = b"".join(line + b"\r\n" for line in lines)
        if self._faults.data_code:
            self._refuse(self._faults.data_code, content)
            return
        mail = Mail(self._sender, tuple(self._recipients), content, self._encrypted, self._user)
        self._service.mails.append(mail)
        self._reply(250, "queued")

    def _refuse(self, code: int, said: bytes) -> None:
        """Refuse, if asked to with everything that must not be shown."""
        words = f"no: {USER} {PASSWORD} {said.decode('utf-8', 'replace')}" if self._faults.echo else "no"
        self._reply(code, " ".join(words.split())[:400])

    def _reply(self, code: int, text: str) -> None:
        self._send(f"{code} {text}\r\n".encode())

    def _send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def _encrypt(self) -> None:
        assert self._certificate is not None
        self._connection = self._certificate.wrap_socket(self._connection, server_side=True)
        self._encrypted = True

    def _read_lines(self) -> Iterator[bytes]:
        waiting = b""
        begun = time.monotonic()
        while time.monotonic() - begun < _PATIENCE:
            chunk = self._connection.recv(65536)
            if not chunk:
                return
            waiting += chunk
            *lines, waiting = waiting.split(b"\r\n")
            yield from lines


def _address(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
