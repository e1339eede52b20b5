"""Send mail by SMTP: TLS that is verified, a login, one connection for all messages of a run.

A mail server is reached directly: a proxy for HTTPS usually opens no tunnel to its port. What the server says is not
quoted, because it may repeat the password: the code of its answer is.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.core.base_url import is_loopback, split_origin
from reconciler.core.text import quote
from reconciler.desired.recipients import is_mail_address
from reconciler.errors import NotificationError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.secret import Secret

SMTP_URL = "RECONCILER_SMTP_URL"
TIMEOUT = 10.0
"""Seconds for each step of the protocol."""
_PORTS = {"smtp": 587, "smtps": 465}
_LONGEST_URL = 2_000
_LONGEST_LINE = 2_048
"""Bytes of a line of an answer; RFC 5321 §4.5.3.1.5 allows 512."""
_MOST_LINES = 100
"""Lines of one answer."""
_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")
"""In the order in which they are tried: the connection is encrypted, and CRAM-MD5 needs MD5."""
_DONE = (235, 503)
"""RFC 4954 §6: authenticated, or it was already."""
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORM = (
    "Write it like smtp://user:password@mail.example.com:587 or smtps://user:password@mail.example.com:465, with\n"
    "?from=reconciler@example.com if the user is no mail address. In user and password, write / @ : ? # % as\n"
    "%2F %40 %3A %3F %23 %25."
)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server. `implicit_tls`: TLS from the first byte, rather than STARTTLS. `sender`: the From address.

    Without a user the connection is plain, which only this machine's own mail server is used with.
    """

    host: str
    port: int
    implicit_tls: bool
    sender: str
    user: Secret | None = None
    password: Secret | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host)

    @property
    def name(self) -> str:
        """The server in a message."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """A recipient that the server did not accept, and the code of its answer."""

    address: str
    code: int


def parse_smtp_url(text: str) -> SmtpServer:
    """Parse the URL of a mail server. Raises `NotificationError`, which repeats no part of it: it holds a password."""
    try:
        return _parse(text)
    except ValueError as exc:
        raise NotificationError(f"{SMTP_URL} is not the URL of a mail server: {exc}", _FORM) from None


def _parse(text: str) -> SmtpServer:
    scheme, host, port = _split(text)
    authority = text.partition("//")[2].partition("?")[0].removesuffix("/")
    user, password = _parse_login(authority)
    sender = _parse_sender(urlsplit(text).query, user)
    if user is None and (not is_loopback(host) or scheme == "smtps"):
        raise ValueError("it has no user and password, and only a plain server of this machine needs none")
    return SmtpServer(
        host, port, scheme == "smtps", sender, Secret(user) if user else None, Secret(password) if password else None
    )


def _split(text: str) -> tuple[str, str, int]:
    """Return scheme, host and port."""
    if len(text) > _LONGEST_URL:
        raise ValueError(f"it has more than {_LONGEST_URL:,} characters")
    if not all("!" <= each <= "~" for each in text):
        raise ValueError("it has a blank, a control character or a letter that is not ASCII")
    scheme, found, rest = text.partition("://")
    scheme = scheme.casefold()
    if not found or scheme not in _PORTS:
        raise ValueError("it does not begin with smtp:// or smtps://")
    authority = rest.partition("?")[0].removesuffix("/")
    if any(each in authority for each in "/#\\") or "#" in rest or authority.count("@") > 1:
        raise ValueError("it has a path, or a character of user or password that must be percent-encoded")
    try:
        # The rules for host and port are those of other URLs.
        _, host, _ = split_origin(f"https://{authority}")
        port = urlsplit(f"https://{authority}").port
    except ValueError:
        raise ValueError("its host or its port is not valid") from None
    return scheme, host, port if port is not None else _PORTS[scheme]


def _parse_login(authority: str) -> tuple[str | None, str | None]:
    login, at, _ = authority.rpartition("@")
    if not at:
        return None, None
    user, colon, password = login.partition(":")
    if not user or not colon or not password:
        raise ValueError("it needs both a user and a password")
    if _ESCAPE.search(login):
        raise ValueError("a % in user or password is not the beginning of an escape: write %25")
    user, password = unquote(user, errors="replace"), unquote(password, errors="replace")
    if not all(each.isascii() and each.isprintable() for each in (user, password)):
        raise ValueError("user or password has a character that no login by SMTP can carry")
    return user, password


def _parse_sender(query: str, user: str | None) -> str:
    given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=5)) if query else {}
    unknown = given.keys() - {"from"}
    if unknown:
        raise ValueError("after the ? only from= is known")
    sender = given.get("from", user or "")
    if not is_mail_address(sender):
        raise ValueError(
            "its from= is not one mail address"
            if "from" in given
            else "its user is no mail address, so it needs ?from="
        )
    return sender


class _InvalidAnswerError(smtplib.SMTPException):
    """What was read is no answer of SMTP, or a longer one than any."""


class _BoundedAnswers(smtplib.SMTP):
    """Reads answers within bounds: a server that never ends one would fill the memory."""

    def getreply(self) -> tuple[int, bytes]:
        found: list[bytes] = []
        code = -1
        if self.file is None:
            self.file = self.sock.makefile("rb")  # type: ignore[union-attr]
        for _ in range(_MOST_LINES):
            try:
                line = self.file.readline(_LONGEST_LINE + 1)
            except OSError:
                self.close()
                raise
            if not line or len(line) > _LONGEST_LINE:
                self.close()
                raise smtplib.SMTPServerDisconnected
            digits = line[:3]
            if not (digits.isdigit() and digits.isascii()):
                break
            code = int(digits)
            found.append(line[4:].strip(b" \t\r\n"))
            if line[3:4] != b"-":
                return code, b"\n".join(found)
        self.close()
        raise _InvalidAnswerError


class _WithStarttls(_BoundedAnswers):
    pass


class _WithImplicitTls(_BoundedAnswers, smtplib.SMTP_SSL):
    pass


class SmtpConnection:
    """An open connection to a mail server, logged in."""

    def __init__(self, client: smtplib.SMTP, server: SmtpServer) -> None:
        self._client = client
        self._server = server

    def send(self, message: EmailMessage, recipients: Sequence[str]) -> tuple[RefusedRecipient, ...]:
        """Send a message; return the recipients that were refused. Raises `NotificationError` if all were."""
        with _explain(self._server, "the message"):
            try:
                refused = self._client.send_message(message, self._server.sender, list(recipients))
            except smtplib.SMTPRecipientsRefused as exc:
                codes = ", ".join(sorted({str(answer[0]) for answer in exc.recipients.values()}))
                raise _build_error(self._server, f"refuses all recipients (code {codes})") from None
        return tuple(RefusedRecipient(address, answer[0]) for address, answer in refused.items())


@contextmanager
def open_smtp(server: SmtpServer, certificates: ssl.SSLContext, timeout: float = TIMEOUT) -> Iterator[SmtpConnection]:
    """Open a connection and log in. Raises `NotificationError`."""
    with _explain(server, "the connection"):
        client = _connect(server, certificates, timeout)
    try:
        _secure(client, server, certificates)
        yield SmtpConnection(client, server)
    finally:
        # All is said and done: how the server takes leave does not matter.
        with suppress(OSError, smtplib.SMTPException):
            client.quit()
        client.close()


def _connect(server: SmtpServer, certificates: ssl.SSLContext, timeout: float) -> smtplib.SMTP:
    # Not the name of this machine, which smtplib would look up.
    options: dict[str, Any] = {"local_hostname": "[127.0.0.1]", "timeout": timeout}
    if server.implicit_tls:
        return _WithImplicitTls(server.host, server.port, context=certificates, **options)
    return _WithStarttls(server.host, server.port, **options)


def _secure(client: smtplib.SMTP, server: SmtpServer, certificates: ssl.SSLContext) -> None:
    """Encrypt the connection, unless the server is this machine's own, and log in."""
    with _explain(server, "the connection"):
        client.ehlo_or_helo_if_needed()
    if server.user is None or server.password is None:
        return
    if not server.implicit_tls:
        if not client.has_extn("starttls"):
            raise _build_error(server, "offers no STARTTLS, so nothing was sent to it")
        with _explain(server, "STARTTLS"):
            # Answers that came before the handshake are discarded with their buffer: their sender is unknown.
            client.starttls(context=certificates)
            client.ehlo()
    if not isinstance(client.sock, ssl.SSLSocket):
        raise _build_error(server, "did not encrypt the connection, so nothing was sent to it")
    with _explain(server, "the login"):
        _log_in(client, server, server.user.reveal(), server.password.reveal())


def _log_in(client: smtplib.SMTP, server: SmtpServer, user: str, password: str) -> None:
    offered = str(client.esmtp_features.get("auth", "")).upper().split()
    mechanism = next((each for each in _MECHANISMS if each in offered), None)
    if mechanism is None:
        raise _build_error(server, f"offers no login by {' or '.join(_MECHANISMS)}")
    client.user, client.password = user, password
    method: Any = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login, "CRAM-MD5": client.auth_cram_md5}[mechanism]
    code, _ = client.auth(mechanism, method)
    if code not in _DONE:
        raise smtplib.SMTPAuthenticationError(code, b"")


@contextmanager
def _explain(server: SmtpServer, step: str) -> Iterator[None]:
    """Turn the errors of the libraries into one without the words of the server. No traceback: it has the password.

    `step`: what was asked of the server, as the object of a sentence.
    """
    try:
        yield
    except smtplib.SMTPAuthenticationError as exc:
        raise _build_error(server, f"refuses user and password (code {exc.smtp_code})") from None
    except smtplib.SMTPSenderRefused as exc:
        raise _build_error(server, f"refuses the sender (code {exc.smtp_code})") from None
    except smtplib.SMTPResponseException as exc:
        raise _build_error(server, f"refuses {step} (code {exc.smtp_code})") from None
    except _InvalidAnswerError:
        raise _build_error(server, f"sent no valid answer to {step}") from None
    except smtplib.SMTPServerDisconnected:
        raise _build_error(server, "closed the connection") from None
    except smtplib.SMTPException as exc:
        raise _build_error(server, f"cannot be used ({type(exc).__name__})") from None
    except TimeoutError:
        raise _build_error(server, "does not answer in time") from None
    except (OSError, ValueError) as exc:
        messages = ConnectionMessages(f"smtp://{server.name}", service="the mail server", check=f"Check {SMTP_URL}")
        error, _ = messages.explain_no_connection(exc)
        raise NotificationError(error.summary, error.detail) from None


def _build_error(server: SmtpServer, what: str) -> NotificationError:
    return NotificationError(f"the mail server {server.name} {what}", f"Check {SMTP_URL}.")


def describe_refusals(refused: Sequence[RefusedRecipient]) -> str:
    """Return one sentence about refused recipients, with the addresses in quotes."""
    listed = ", ".join(f"{quote(each.address)} (code {each.code})" for each in refused)
    return f"the mail server refuses {listed}; the others were notified"
