"""Mail over a real socket: encrypted and logged in or not at all, and no word of the server in a message."""

from __future__ import annotations

import io
import socket
import ssl
import traceback
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from support.servers.smtp import PASSWORD, USER, SmtpService

from reconciler.errors import NotificationError
from reconciler.notify.smtp import RefusedRecipient, describe_refusals, open_smtp, parse_smtp_url
from reconciler.scim.transport import trust

Serve = Callable[..., SmtpService]


def mail(text: str = "hello\n.\n..dots\n") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["To"] = "Test", "it@example.com"
    message.set_content(text, cte="quoted-printable")
    return message


def send(url: str, context: ssl.SSLContext, *recipients: str, timeout: float = 5) -> tuple[RefusedRecipient, ...]:
    with open_smtp(parse_smtp_url(url), context, timeout) as connection:
        return connection.send(mail(), recipients or ("it@example.com",))


def fail(url: str, context: ssl.SSLContext, *recipients: str, timeout: float = 5) -> str:
    """The message of a send that fails; nothing secret is in it, or in its traceback."""
    with pytest.raises(NotificationError) as caught:
        send(url, context, *recipients, timeout=timeout)
    everything = "".join(traceback.format_exception(caught.value))
    for secret in (PASSWORD, USER, "%40", "planted"):
        assert secret not in everything
    return caught.value.summary


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2 LOGIN PLAIN", "login"])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_mail_goes_encrypted_and_after_a_login(
    scheme: str, mechanisms: str, serve: Serve, trusted: ssl.SSLContext
) -> None:
    service = serve(implicit_tls=scheme == "smtps", mechanisms=mechanisms)
    assert send(service.url(scheme), trusted) == ()
    (found,) = service.mails
    assert (found.sender, found.recipients, found.encrypted, found.user) == (USER, ("it@example.com",), True, USER)
    assert found.text == "hello\n.\n..dots\n"
    assert service.plain_lines == ([b"ehlo [127.0.0.1]", b"STARTTLS"] if scheme == "smtp" else [])


def test_one_connection_carries_several_messages(serve: Serve, trusted: ssl.SSLContext) -> None:
    service = serve()
    with open_smtp(parse_smtp_url(service.url(query="?from=other@example.com")), trusted) as connection:
        for _ in range(3):
            connection.send(mail(), ["it@example.com", "ops@example.com"])
    assert (service.connections, len(service.mails)) == (1, 3)
    assert {each.sender for each in service.mails} == {"other@example.com"}


def test_only_this_machines_own_server_is_used_without_tls_and_login(serve: Serve, trusted: ssl.SSLContext) -> None:
    service = serve(starttls=False, mechanisms="")
    send(f"smtp://127.0.0.1:{service.port}?from=me@example.com", trusted)
    assert [each.encrypted for each in service.mails] == [False]
    for url in ("smtp://mail.example.com?from=me@example.com", "smtps://localhost?from=me@example.com"):
        with pytest.raises(NotificationError, match="it has no user and password"):
            parse_smtp_url(url)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"starttls": False}, "offers no STARTTLS, so nothing was sent to it"),
        ({"starttls_code": 454}, "refuses STARTTLS (code 454)"),
        ({"mechanisms": "XOAUTH2 NTLM"}, "offers no login by PLAIN or LOGIN or CRAM-MD5"),
        ({"mechanisms": ""}, "offers no login by PLAIN or LOGIN or CRAM-MD5"),
        ({"login_code": 535}, "refuses user and password (code 535)"),
        ({"login_code": 454, "mechanisms": "LOGIN"}, "refuses user and password (code 454)"),
        ({"sender_code": 553}, "refuses the sender (code 553)"),
        ({"refused": {"it@example.com": 550}}, "refuses all recipients (code 550)"),
        ({"data_code": 554}, "refuses the message (code 554)"),
        ({"greeting": b"554 hunter2-planted-secret no\r\n"}, "refuses the connection (code 554)"),
        ({"greeting": b"HTTP/1.1 400 Bad Request\r\n"}, "sent no valid answer to the connection"),
        ({"endless_ehlo": True}, "sent no valid answer to the connection"),
        ({"nonsense_to": "STARTTLS"}, "sent no valid answer to STARTTLS"),
        ({"nonsense_to": "AUTH"}, "sent no valid answer to the login"),
        ({"nonsense_to": "MAIL"}, "sent no valid answer to the message"),
        ({"nonsense_to": "RCPT"}, "sent no valid answer to the message"),
        ({"long_line": True}, "closed the connection"),
        ({"endless_line": True}, "closed the connection"),
        ({"drop_after": "DATA"}, "closed the connection"),
    ],
)
def test_what_a_server_does_not_accept_is_told_by_its_code(
    faults: dict[str, object], said: str, serve: Serve, trusted: ssl.SSLContext
) -> None:
    service = serve(echo=True, **faults)
    assert fail(service.url(), trusted) == f"the mail server 127.0.0.1:{service.port} {said}"
    assert service.mails == []
    assert all(encrypted for _, encrypted in service.logins), "no password in plain"
    assert not any(word in line for line in service.plain_lines for word in (b"AUTH", b"MAIL", b"DATA"))


def test_of_an_answer_that_never_ends_little_is_read(
    serve: Serve, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    class Reader(io.BufferedReader):
        def readline(self, size: int | None = -1) -> bytes:
            line = super().readline(size)
            read.append(len(line))
            return line

    monkeypatch.setattr(socket.socket, "makefile", lambda self, _mode: Reader(socket.SocketIO(self, "r")))
    for faults in ({"endless_ehlo": True}, {"endless_line": True}):
        read.clear()
        fail(serve(**faults).url(), trusted)
        assert sum(read) < 10_000


def test_a_server_that_says_nothing_is_given_up(serve: Serve, trusted: ssl.SSLContext) -> None:
    service = serve(hang_after="MAIL")
    assert (
        fail(service.url(), trusted, timeout=0.3) == f"the mail server 127.0.0.1:{service.port} does not answer in time"
    )


def test_answers_injected_before_the_handshake_count_for_nothing(serve: Serve, trusted: ssl.SSLContext) -> None:
    """The attacker's list of extensions, in the same packet as the answer to STARTTLS (CVE-2021-38371 and its kind)."""
    service = serve(injected=b"250-mail.example.com\r\n250 AUTH XEVIL\r\n235 done\r\n250 ok\r\n")
    send(service.url(), trusted)
    assert [(each.encrypted, each.user) for each in service.mails] == [(True, USER)]
    assert service.logins == [("PLAIN", True)]


def test_a_certificate_is_verified(serve: Serve, trusted: ssl.SSLContext) -> None:
    for scheme, implicit in (("smtp", False), ("smtps", True)):
        service = serve(implicit_tls=implicit)
        assert "certificate is not accepted" in fail(service.url(scheme), trust(""))
        assert service.logins == []
        other = fail(serve(implicit_tls=implicit, address="127.0.0.2").url(scheme, host="127.0.0.2"), trusted)
        assert "it belongs to another host" in other


def test_some_recipients_may_be_refused(serve: Serve, trusted: ssl.SSLContext) -> None:
    service = serve(echo=True, refused={"gone@example.com": 550, "later@example.com": 451})
    refused = send(service.url(), trusted, "gone@example.com", "it@example.com", "later@example.com")
    assert refused == (RefusedRecipient("gone@example.com", 550), RefusedRecipient("later@example.com", 451))
    assert service.mails[0].recipients == ("it@example.com",)
    assert describe_refusals(refused) == (
        'the mail server refuses "gone@example.com" (code 550), "later@example.com" (code 451);'
        " the others were notified"
    )


def test_nobody_listens(trusted: ssl.SSLContext) -> None:
    url = f"smtp://bot%40example.com:{PASSWORD}@127.0.0.1:1"
    assert fail(url, trusted) == "127.0.0.1 refuses the connection"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("hunter2-planted", "it does not begin with smtp:// or smtps://"),
        ("https://u:planted@mail.example.com", "it does not begin with smtp:// or smtps://"),
        ("smtp://u:planted@", "its host or its port is not valid"),
        ("smtp://u:planted@mail.example.com:0", "its host or its port is not valid"),
        ("smtp://u:planted@mail.example.com:x", "its host or its port is not valid"),
        ("smtp://u:planted@mail.example.com:99999", "its host or its port is not valid"),
        ("smtp://u:planted@exa mple.com", "it has a blank, a control character or a letter that is not ASCII"),
        ("smtp://u:plantéd@mail.example.com", "it has a blank, a control character or a letter that is not ASCII"),
        ("smtp://u:planted\r\n@mail.example.com", "it has a blank, a control character or a letter that is not ASCII"),
        ("smtp://u:plan/ted@mail.example.com", "it has a path, or a character of user or password that must be"),
        ("smtp://u:12/planted@mail.example.com", "it has a path, or a character of user or password that must be"),
        ("smtp://u:12#planted@mail.example.com", "it has a path, or a character of user or password that must be"),
        ("smtp://u@x.example:planted@mail.example.com", "it has a path, or a character of user or password that must"),
        ("smtp://u:12?planted@mail.example.com", "after the ? only from= is known"),
        ("smtp://u:planted@mail.example.com/x", "it has a path, or a character of user or password that must be"),
        ("smtp://planted@mail.example.com", "it needs both a user and a password"),
        ("smtp://:planted@mail.example.com", "it needs both a user and a password"),
        (
            "smtp://u:planted%zz@mail.example.com",
            "a % in user or password is not the beginning of an escape",
        ),
        ("smtp://u:planted%0d%0a@mail.example.com", "user or password has a character that no login by SMTP can carry"),
        ("smtp://u:planted%C3%A9@mail.example.com", "user or password has a character that no login by SMTP can carry"),
        ("smtp://u:planted@mail.example.com", "its user is no mail address, so it needs ?from="),
        ("smtp://u:planted@mail.example.com?from=a@b,c@d", "its from= is not one mail address"),
        ("smtp://u:planted@mail.example.com?from=a@b.example%0d%0aBcc:x@y", "its from= is not one mail address"),
        ("smtp://u:planted@mail.example.com?from=a@b.example&debug=1", "after the ? only from= is known"),
        (f"smtp://u:{'planted' * 400}@mail.example.com", "it has more than 2,000 characters"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained_without_its_parts(url: str, why: str) -> None:
    with pytest.raises(NotificationError) as caught:
        parse_smtp_url(url)
    assert caught.value.summary.startswith(f"RECONCILER_SMTP_URL is not the URL of a mail server: {why}")
    assert "planted" not in "".join(traceback.format_exception(caught.value))


def test_ports_escapes_and_senders() -> None:
    found = parse_smtp_url("SMTP://u%3A%40%2F:p%25%3F@Mail.Example.com?from=me@example.com")
    assert (found.host, found.port, found.implicit_tls, found.sender) == (
        "mail.example.com",
        587,
        False,
        "me@example.com",
    )
    assert found.user is not None
    assert found.password is not None
    assert (found.user.reveal(), found.password.reveal()) == ("u:@/", "p%?")
    assert "p%?" not in repr(found)
    assert parse_smtp_url("smtps://u%40example.com:p@[::1]/").name == "[::1]:465"
    assert not found.is_local
