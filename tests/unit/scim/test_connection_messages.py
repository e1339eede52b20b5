from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from reconciler.errors import TargetError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.secret import Secret, SentTokens

MESSAGES = ConnectionMessages(
    "https://graph.example.com:8443/v1",
    service="Microsoft Graph",
    check="Check source.entra.cloud",
    sent=SentTokens(Secret("tok-1")),
)


def explain(cause: Exception) -> tuple[TargetError, bool]:
    exc = httpx.ConnectError("failed")
    exc.__cause__ = cause
    return MESSAGES.explain_no_connection(exc)


@pytest.mark.parametrize(
    ("cause", "summary", "may_pass"),
    [
        (ConnectionRefusedError(), "graph.example.com refuses the connection", True),
        (
            socket.gaierror(-2, "Name or service not known"),
            "the host name graph.example.com cannot be resolved: [Errno -2] Name or service not known",
            True,
        ),
        (ssl.SSLError(1, "wrong version"), "no TLS connection to graph.example.com: wrong version", False),
        (ValueError("odd"), "cannot connect to graph.example.com: failed", True),
    ],
)
def test_a_failed_connection_names_the_host_and_the_setting(cause: Exception, summary: str, may_pass: bool) -> None:
    error, passes = explain(cause)
    assert error.summary == summary
    assert error.detail.startswith("Check source.entra.cloud")
    assert passes is may_pass


@pytest.mark.parametrize(("code", "why"), [(18, "it is self-signed"), (62, "it belongs to another host"), (7, "bad")])
def test_a_certificate_that_is_not_accepted_may_not_pass(code: int, why: str) -> None:
    cause = ssl.SSLCertVerificationError(1, "failed")
    cause.verify_code, cause.verify_message = code, "bad"
    error, passes = explain(cause)
    assert error.summary.startswith(f"Microsoft Graph's certificate is not accepted: {why}")
    assert error.detail.startswith("Check source.entra.cloud")
    assert not passes


def test_a_lost_answer_names_the_service_and_shows_no_token() -> None:
    assert MESSAGES.explain_no_answer(httpx.ReadTimeout("")).summary == (
        "Microsoft Graph does not answer: Microsoft Graph took too long to answer"
    )
    shown = MESSAGES.describe_no_answer(httpx.RemoteProtocolError("got tok-1\x1b[2J"))
    assert shown == 'the answer is incomplete: "got (token)\\u{1b}[2J"'
