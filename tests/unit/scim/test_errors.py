from __future__ import annotations

import errno
import os
import socket
import ssl

import httpx
import pytest

from reconciler.errors import MachineLimitError, TargetError
from reconciler.scim.errors import ErrorMessages, is_web_page, read_scim_error
from reconciler.scim.secret import Secret, SentTokens

BASE = "https://scim.example.com/scim"
TOKEN = "tok-s3cret"
SENT = SentTokens(Secret(TOKEN))
MESSAGES = ErrorMessages(BASE, SENT, {401: "Renew it.", 403: "Activate it.", 404: "Look there."})


def answer(status: int, content: bytes = b"", **headers: str) -> httpx.Response:
    return httpx.Response(status, content=content, headers=headers)


def both(error: TargetError | None) -> tuple[str, str]:
    assert error is not None
    return error.summary, error.detail


@pytest.mark.parametrize(
    ("content", "page"),
    [
        (b"<html>", True),
        (b" \r\n<!doctype html>", True),
        (b'{"a": "<"}', False),
        (b"", False),
        (b" " * 2000 + b"<", False),
    ],
)
def test_a_web_page_is_known_by_its_first_character(content: bytes, page: bool) -> None:
    assert is_web_page(answer(200, content, **{"Content-Type": "application/scim+json"})) is page


@pytest.mark.parametrize("content", [b"", b"x", b"[1]", b'"x"', b"\xff", b"[" * 100_000, b"null"])
def test_a_body_that_is_no_scim_error_is_empty(content: bytes) -> None:
    assert read_scim_error(answer(400, content)) == {}


# --- answers that concern every request --------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 400, 404, 409, 429, 500, 503])
def test_other_answers_concern_one_request(status: int) -> None:
    assert MESSAGES.explain_rejection(answer(status)) is None


def test_a_401_names_the_token_and_the_hint_of_the_profile() -> None:
    assert both(MESSAGES.explain_rejection(answer(401, b'{"detail": "expired"}'))) == (
        'the service does not accept the token (401): "expired"',
        "Check RECONCILER_TOKEN: expired, revoked, mistyped, or made for a different service? Renew it.",
    )


def test_a_403_names_permissions_and_the_hint_of_the_profile() -> None:
    assert both(MESSAGES.explain_rejection(answer(403))) == (
        "the service forbids the request (403)",
        "Check what the token may do, and that the connection is active at the service. Activate it.",
    )


def test_a_403_with_a_web_page_names_a_firewall() -> None:
    summary, detail = both(MESSAGES.explain_rejection(answer(403, b"<html>")))
    assert summary == "something in front of the service forbids the request (403, a web page)"
    assert detail == "A firewall or a proxy answers in its place: allow this machine's requests there."


def test_a_407_names_a_proxy() -> None:
    assert both(MESSAGES.explain_rejection(answer(407))) == (
        "a proxy in front of the service requires authentication (407)",
        "This is not the proxy of RECONCILER_PROXY: ask those who run the service.",
    )


@pytest.mark.parametrize(
    ("location", "summary", "other"),
    [
        ("https://elsewhere.example/x", '"https://elsewhere.example/x"', ' It points to the host "elsewhere.example".'),
        ("https://scim.example.com/v2", '"https://scim.example.com/v2"', ""),
        ("/v2", '"/v2"', ""),
        ("", "somewhere else", ""),
        ("https://[x", '"https://[x"', ""),
    ],
)
def test_a_redirect_names_where_it_points(location: str, summary: str, other: str) -> None:
    assert both(MESSAGES.explain_rejection(answer(302, location=location))) == (
        f"the service redirects to {summary}",
        f"Redirects are not followed with a token: correct target.base_url.{other}",
    )


# --- other answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "advice"),
    [
        ("https://x.example/scim", "Many services need /v2 at the end of their URL; Apple's has no /v2."),
        ("https://x.example/scim/v2", "Apple's has no /v2 at its end, nor have some others: try without it."),
        ("https://x.example/v2/v2", "The URL ends in /v2 twice: remove one."),
        ("https://x.example/scim/Users", "target.base_url must end before /Users."),
    ],
)
def test_a_missing_service_is_explained_by_its_url(base_url: str, advice: str) -> None:
    error = ErrorMessages(base_url, SENT, {404: "Look there."}).explain_missing_service(answer(404))
    assert both(error) == (
        f"there is no SCIM service at {base_url}/Users (404)",
        f"Check target.base_url. {advice} Look there.",
    )


@pytest.mark.parametrize(
    ("content", "summary", "detail"),
    [
        (
            b"<html>",
            "the service answers with a web page instead of JSON",
            "A login page or a proxy answers in its place: check target.base_url and the token.",
        ),
        (
            b" \n",
            "the service answers with nothing instead of JSON",
            "If it answered other requests, run the same command again. Else check target.base_url.",
        ),
        (
            b"it\x1b[31m \xff",
            "the service answers with something that is not JSON",
            'It starts with: "it\\u{1b}[31m \ufffd"',
        ),
        (
            b'{"a": "\xff"}',
            "the service answers with something that is not JSON: byte 8 of 10 is not UTF-8",
            'It starts with: "{\\"a\\": \\"\ufffd\\"}"',
        ),
        (
            b'{"a": NaN}',
            "the service answers with something that is not JSON: byte 7 of 10 cannot be there",
            'It starts with: "{\\"a\\": NaN}"',
        ),
        (
            b'{"a": "\\ud800"}',
            "the service answers with something that is not JSON: it ends early, or holds a broken character",
            'It starts with: "{\\"a\\": \\"\\\\ud800\\"}"',
        ),
    ],
)
def test_a_body_that_is_not_json_is_explained(content: bytes, summary: str, detail: str) -> None:
    assert both(MESSAGES.explain_invalid_json(answer(200, content))) == (summary, detail)


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (400, b'{"detail": "no such attribute"}', 'the service refused it (400): "no such attribute"'),
        (400, b'{"detail": 5}', "the service refused it (400)"),
        (400, b"<html>", "the service refused it (400)"),
        (502, b"<html>", "a proxy in front of the service answers for it (502, a web page)"),
        (504, b"<html>", "a proxy in front of the service answers for it (504, a web page)"),
        (503, b"", "the service refused it (503)"),
    ],
)
def test_a_refusal_is_described(status: int, content: bytes, message: str) -> None:
    assert MESSAGES.describe_refusal(answer(status, content)) == message


def test_text_of_the_service_is_quoted_escaped_and_short_and_never_holds_the_token() -> None:
    detail = f"\\u001b[31mno {TOKEN}\\n" + "x" * 1000
    message = MESSAGES.describe_refusal(answer(400, f'{{"detail": "{detail}"}}'.encode()))
    assert TOKEN not in message
    assert "no (token)\\n" in message
    assert len(message) < 400
    assert message.isprintable()


# --- no answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (httpx.ReadTimeout("x"), "the service took too long to answer"),
        (httpx.WriteTimeout("x"), "the connection broke while the request was sent"),
        (httpx.WriteError("x"), "the connection broke while the request was sent"),
        (httpx.ReadError(f"a {TOKEN}"), 'the answer is incomplete: "a (token)"'),
        (httpx.RemoteProtocolError(""), "the answer is incomplete: RemoteProtocolError"),
        (httpx.DecodingError("bad"), 'the answer\'s compression is broken: "bad"'),
        (httpx.UnsupportedProtocol("odd"), '"odd"'),
    ],
)
def test_a_lost_answer_is_described(error: Exception, message: str) -> None:
    assert MESSAGES.describe_no_answer(error) == message
    assert both(MESSAGES.explain_no_answer(error)) == (
        f"the service does not answer: {message}",
        "Check the connection and the state of the service.",
    )


def caused_by(cause: Exception) -> httpx.ConnectError:
    """As httpx raises it: our error, httpcore's, the system's."""
    error, middle = httpx.ConnectError("it failed"), OSError("middle")
    error.__cause__, middle.__context__ = middle, cause
    return error


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, "openssl's words"
    return error


@pytest.mark.parametrize(
    ("error", "summary", "may_pass"),
    [
        (
            caused_by(socket.gaierror(-2, "Name not known")),
            "the host name scim.example.com cannot be resolved: [Errno -2] Name not known",
            True,
        ),
        (caused_by(ConnectionRefusedError()), "scim.example.com refuses the connection", True),
        (caused_by(ssl.SSLError(1, "wrong version")), "no TLS connection to scim.example.com: ", False),
        (httpx.ConnectTimeout("x"), "cannot connect to scim.example.com: timed out", True),
        (httpx.ConnectError("no route"), "cannot connect to scim.example.com: no route", True),
        (httpx.ConnectError(""), "cannot connect to scim.example.com: ConnectError", True),
    ],
)
def test_a_failed_connection_is_explained(error: Exception, summary: str, may_pass: bool) -> None:
    explained, passes = MESSAGES.explain_no_connection(error)
    assert explained.summary.startswith(summary)
    assert explained.detail.startswith("Check target.base_url")
    assert passes is may_pass


@pytest.mark.parametrize("code", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"])
def test_a_machine_without_resources_is_not_a_service_that_cannot_be_reached(code: str) -> None:
    number = getattr(errno, code)
    error, may_pass = MESSAGES.explain_no_connection(caused_by(OSError(number, os.strerror(number))))
    assert isinstance(error, MachineLimitError)
    assert error.summary == f"cannot connect to scim.example.com: {os.strerror(number)} ({code})"
    assert "Check target.base_url" not in error.detail
    assert error.detail
    assert may_pass is False


def test_a_resolver_that_can_open_no_socket_is_not_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    error, may_pass = MESSAGES.explain_no_connection(caused_by(socket.gaierror(-3, "Try again")))
    assert error.summary == "cannot connect to scim.example.com: Too many open files (EMFILE)"
    assert may_pass is False


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (9, "it is not valid yet"),
        (10, "it has expired"),
        (18, "it is self-signed"),
        (19, "no authority that this machine trusts has signed it"),
        (20, "no authority that this machine trusts has signed it"),
        (21, "no authority that this machine trusts has signed it"),
        (62, "it belongs to another host"),
        (64, "it belongs to another host"),
    ],
)
def test_an_invalid_certificate_is_explained_and_final(code: int, why: str) -> None:
    error, may_pass = MESSAGES.explain_no_connection(caused_by(unverified(code)))
    assert error.summary == f"the service's certificate is not accepted: {why} (openssl's words)"
    assert error.detail
    assert not may_pass


def test_an_unknown_certificate_error_is_named_as_openssl_does() -> None:
    error, _ = MESSAGES.explain_no_connection(caused_by(unverified(77)))
    assert error.summary == "the service's certificate is not accepted: openssl's words"


def test_causes_that_form_a_cycle_end() -> None:
    error, other = httpx.ConnectError("x"), OSError("y")
    error.__cause__, other.__cause__ = other, error
    explained, may_pass = MESSAGES.explain_no_connection(error)
    assert (explained.summary, may_pass) == ("cannot connect to scim.example.com: x", True)
