from datetime import UTC, datetime

import httpx
import pytest

from reconciler.errors import TargetError, UnknownOutcomeError
from reconciler.scim.answers import Answers
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.response_limits import AnswerTooLargeError
from reconciler.scim.retry import Tries
from reconciler.scim.retry_transport import TRIES
from reconciler.scim.secret import Secret, SentTokens

BASE = "https://scim.example.com/scim"
ANSWERS = Answers(
    ErrorMessages(BASE, SentTokens(Secret("tok-s3cret")), {}), lambda: datetime(2026, 3, 1, 9, tzinfo=UTC)
)
TRIED = Tries()
TRIED.asked = 90.0
LATE = httpx.Request("GET", f"{BASE}/Users?startIndex=201&count=100", extensions={TRIES: TRIED})


def test_a_failed_read_is_named_with_the_time_of_the_next_one() -> None:
    answer = httpx.Response(503, json={"detail": "busy"}, request=LATE)
    error = ANSWERS.explain_refusal(answer)
    asks = "it asks to wait 90 seconds, until 09:01:30 UTC"
    assert error.status == 503
    assert error.summary == f'the service refused it (503): "busy" (the page from startIndex 201 on, {asks})'
    assert "Run the same command again after 09:01:30 UTC" in error.detail


def test_a_write_without_an_answer_may_have_taken_effect_and_a_read_may_be_repeated() -> None:
    lost = httpx.ReadError("reset")
    assert isinstance(ANSWERS.explain_loss(httpx.Request("DELETE", f"{BASE}/Users/7"), lost), UnknownOutcomeError)
    assert isinstance(ANSWERS.explain_loss(LATE, lost), TargetError)
    assert "The service answered the pages before it" in str(
        ANSWERS.explain_loss(LATE, AnswerTooLargeError("x")).detail
    )


def test_no_connection_is_about_the_network() -> None:
    error = ANSWERS.explain_no_connection(LATE, httpx.ConnectError("no route"))
    assert error.summary.startswith("cannot connect to scim.example.com: ")


@pytest.mark.parametrize("content", [b"[]", b"x", b"<html>"])
def test_an_answer_has_to_be_an_object(content: bytes) -> None:
    with pytest.raises(TargetError):
        ANSWERS.parse_object(httpx.Response(200, content=content, request=LATE))
    assert ANSWERS.parse_object(httpx.Response(200, content=b"{}", request=LATE)) == {}
