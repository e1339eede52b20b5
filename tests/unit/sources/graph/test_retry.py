from __future__ import annotations

import ssl
from datetime import UTC, datetime

import httpx
import pytest

from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.sources.graph.retry import LONGEST_PAUSE, GraphRetryRule

MESSAGES = ConnectionMessages("https://graph.example", service="Microsoft Graph", check="Check it")
RULE = GraphRetryRule(MESSAGES, "Microsoft Graph", now=lambda: datetime(2026, 12, 1, tzinfo=UTC))
REQUEST = httpx.Request("POST", "https://graph.example/v1.0/directoryObjects/getByIds")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_sent_again(status: int) -> None:
    found = RULE.refusal_in(REQUEST, httpx.Response(status, headers={"Retry-After": "17"}))
    assert found is not None
    assert (found.pause, found.busy, found.retry) == (17.0, status == 429, True)
    assert found.message == f"Microsoft Graph answers {status}"


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 410, 501, 507])
def test_what_does_not_pass_is_not(status: int) -> None:
    assert RULE.refusal_in(REQUEST, httpx.Response(status)) is None


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    for seconds, waits in ((LONGEST_PAUSE, True), (LONGEST_PAUSE + 1, False)):
        answer = httpx.Response(429, headers={"Retry-After": f"{seconds:.0f}"})
        assert (RULE.refusal_in(REQUEST, answer) is not None) is waits


def test_a_lost_answer_may_pass_and_a_certificate_does_not() -> None:
    lost = RULE.refusal_from(REQUEST, httpx.ReadTimeout(""))
    assert lost is not None
    assert lost.message.startswith("Microsoft Graph does not answer")
    assert RULE.refusal_from(REQUEST, httpx.ConnectError("down")) is not None
    cause = ssl.SSLCertVerificationError(1, "bad")
    cause.verify_code, cause.verify_message = 10, "expired"
    exc = httpx.ConnectError("bad")
    exc.__cause__ = cause
    assert RULE.refusal_from(REQUEST, exc) is None
