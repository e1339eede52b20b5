from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from reconciler.errors import ScimError, StopRequestedError, TargetError
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.probes.asking import MAX_REQUESTS, MAX_SECONDS, Asker, BodyKind, ItemsPerPage, MediaType, Reply
from reconciler.scim.response_limits import AnswerTooLargeError

ERROR = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400"}


class Scripted:
    """Answers always the same; an exception is raised."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Mapping[str, str] | None]] = []

    def __call__(self, path: str, parameters: Mapping[str, str] | None) -> httpx.Response:
        self.asked.append((path, parameters))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def read(response: httpx.Response) -> Reply:
    return Asker(Scripted(response)).get("/x")


def caused_by(cause: Exception) -> TargetError:
    error = TargetError("a secret of the service")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("content", "kind", "described"),
    [
        (b'{"a": 1}', BodyKind.OBJECT, "200"),
        (b"[1]", BodyKind.OTHER_JSON, "200 with JSON that is not an object"),
        (b"null", BodyKind.OTHER_JSON, "200 with JSON that is not an object"),
        (b"<html>ada</html>", BodyKind.WEB_PAGE, "200 with a web page"),
        (b" \n", BodyKind.EMPTY, "200 with no body"),
        (b'{"a": ', BodyKind.OTHER, "200 with something that is not JSON"),
        (b"\xff\xfe", BodyKind.OTHER, "200 with something that is not JSON"),
        (b"[" * 100_000, BodyKind.OTHER, "200 with something that is not JSON"),
        (b'{"a":[' + b"0," * 1_100_000 + b"0]}", BodyKind.OTHER, "200 with something that is not JSON"),
    ],
)
def test_what_a_body_is(content: bytes, kind: BodyKind, described: str) -> None:
    found = read(httpx.Response(200, content=content))
    assert (found.kind, found.describe()) == (kind, described)
    assert found.is_object == (kind is BodyKind.OBJECT)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/scim+json; charset=utf-8", MediaType.SCIM),
        ("Application/JSON", MediaType.JSON),
        ("text/html", MediaType.HTML),
        ("text/ada", MediaType.OTHER),
        ("", MediaType.NONE),
    ],
)
def test_media_types_are_a_few_words(header: str, media_type: MediaType) -> None:
    assert read(httpx.Response(200, headers={"content-type": header}, content=b"{}")).media_type is media_type


@pytest.mark.parametrize(
    ("body", "scim", "scim_type"),
    [
        ({**ERROR, "scimType": "invalidFilter"}, True, "invalidFilter"),
        ({**ERROR, "scimType": "ada"}, True, ""),
        ({**ERROR, "scimType": ["invalidFilter"]}, True, ""),
        ({"error": "no"}, False, ""),
        ({"schemas": "urn:ietf:params:scim:api:messages:2.0:Error"}, False, ""),
    ],
)
def test_errors_of_scim(body: dict[str, Any], scim: bool, scim_type: str) -> None:
    found = read(httpx.Response(400, json=body))
    assert (found.is_scim_error, found.scim_type) == (scim, scim_type)
    assert not read(httpx.Response(200, json=body)).is_scim_error


@pytest.mark.parametrize(
    ("changed", "items"),
    [
        ({"itemsPerPage": 1}, ItemsPerPage.RIGHT),
        ({"itemsPerPage": 7}, ItemsPerPage.WRONG),
        ({"itemsPerPage": "ada"}, ItemsPerPage.WRONG),
        ({"itemsPerPage": 0}, ItemsPerPage.ZERO),
        ({}, ItemsPerPage.ABSENT),
    ],
)
def test_lists(changed: dict[str, Any], items: ItemsPerPage) -> None:
    found = read(httpx.Response(200, json={"TotalResults": 9, "resources": [{"id": 7}], **changed})).listed
    assert found is not None
    assert (found.total, found.ids, found.items_per_page, found.has_total) == (9, ["7"], items, True)


def test_a_list_may_leave_the_total_out_if_it_says_what_it_is() -> None:
    body: dict[str, Any] = {"Resources": [{"id": "7"}], "nextCursor": "x"}
    assert read(httpx.Response(200, json=body)).listed is None
    body["schemas"] = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    found = read(httpx.Response(200, json=body)).listed
    assert found is not None
    assert (found.total, found.has_total, found.has_cursor) == (1, False, True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"totalResults": "ada"},
        {"totalResults": -1},
        {"totalResults": True},
        {"totalResults": 1, "Resources": {"id": "7"}},
        {"totalResults": 1, "Resources": ["7"]},
    ],
)
def test_what_is_no_list(body: dict[str, Any]) -> None:
    assert read(httpx.Response(200, json=body)).listed is None
    assert read(httpx.Response(404, json={"totalResults": 0})).listed is None


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (caused_by(AnswerTooLargeError("of ada")), "no answer: it is too large"),
        (caused_by(DeadlineExceededError("of ada")), "no answer in time"),
        (caused_by(httpx.ReadTimeout("of ada")), "no answer in time"),
        (caused_by(httpx.ConnectError("of ada")), "no usable answer"),
        (TargetError("of ada"), "no usable answer"),
        (ScimError(0, "", "of ada"), "not asked: a value is too long for a URL"),
    ],
)
def test_why_there_is_no_answer(error: Exception, failure: str) -> None:
    found = Asker(Scripted(error)).get("/x")
    assert (found.describe(), found.status, found.is_object) == (failure, 0, False)


def test_an_interrupt_passes_through() -> None:
    with pytest.raises(StopRequestedError):
        Asker(Scripted(StopRequestedError("stop"))).get("/x")


def test_a_service_that_does_not_answer_is_asked_three_times() -> None:
    service = Scripted(TargetError("down"))
    asker = Asker(service)
    replies = [asker.get("/x") for _ in range(5)]
    assert [reply.failure for reply in replies[3:]] == ["not asked: the service does not answer"] * 2
    assert len(service.asked) == 3


def test_an_answer_in_between_begins_the_count_again() -> None:
    service = Scripted(TargetError("down"))
    asker = Asker(service)
    for answer in [TargetError("x"), TargetError("x"), httpx.Response(200), TargetError("x"), TargetError("x")]:
        service.answer = answer
        assert not asker.get("/x").failure.startswith("not asked")


def test_questions_have_a_bound() -> None:
    service = Scripted(httpx.Response(200, json={}))
    asker = Asker(service)
    replies = [asker.list(count=2) for _ in range(MAX_REQUESTS + 2)]
    assert [bool(reply.failure) for reply in replies] == [False] * MAX_REQUESTS + [True] * 2
    assert service.asked == [("/Users", {"count": "2"})] * MAX_REQUESTS


def test_questions_have_a_time() -> None:
    times = iter([0.0, 1.0, MAX_SECONDS, MAX_SECONDS + 1])
    asker = Asker(Scripted(httpx.Response(200, json={})), clock=lambda: next(times))
    assert [asker.get("/x").failure for _ in range(3)] == [
        "",
        "",
        "not asked: after 40 requests or 120 seconds nothing more is asked",
    ]


@pytest.mark.parametrize(
    ("status", "headers", "announced", "throttled"),
    [
        (200, {"X-RateLimit-Remaining": "9"}, True, 0),
        (200, {"RateLimit": "x"}, True, 0),
        (200, {"X-Rate-Limit-Limit": "9"}, True, 0),
        (429, {"Retry-After": "1"}, False, 1),
        (503, {}, False, 1),
        (500, {"X-Rate": "9"}, False, 0),
    ],
)
def test_limits_are_counted(status: int, headers: dict[str, str], announced: bool, throttled: int) -> None:
    asker = Asker(Scripted(httpx.Response(status, headers=headers)))
    asker.get("/x")
    assert (asker.limits_announced, asker.throttled, asker.answers, asker.requests) == (announced, throttled, 1, 1)
