from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from reconciler.github import api
from reconciler.github.api import GitHub, GitHubError, number_at, retry_github, text_at


class Api:
    """A GitHub that answers with `replies` in turn, and records requests and pauses."""

    def __init__(self, replies: Iterable[httpx.Response | Exception]) -> None:
        self._replies = iter(replies)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        transport = retry_github(httpx.MockTransport(self._answer), self.pauses.append)
        headers = {"Authorization": "Bearer t"}
        known = httpx.Client(base_url="https://api.github.com", headers=headers, transport=transport)
        plain = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.client = GitHub(known, plain, "owner/name")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def urls(self) -> list[str]:
        return [str(request.url) for request in self.requests]


def limited(retry_after: str | None, status: int = 429) -> httpx.Response:
    return httpx.Response(status, headers={} if retry_after is None else {"Retry-After": retry_after})


OK = httpx.Response(200, json={"id": 1})


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


# --- sending again -----------------------------------------------------------------------------


def test_a_rate_limit_that_names_a_date_is_waited_for() -> None:
    service = Api([limited(in_seconds(30)), OK])
    assert service.client.get("/x") == {"id": 1}
    assert service.pauses == [pytest.approx(30, abs=2)]


def test_a_rate_limit_that_names_seconds_is_waited_for() -> None:
    service = Api([limited("7"), limited("5", status=403), OK])
    assert service.client.get("/x") == {"id": 1}
    assert service.pauses == [7.0, 5.0]


@pytest.mark.parametrize("retry_after", [None, "soon", "-1", "Tue, 01 Dec 2020 08:00:00 GMT"])
def test_a_rate_limit_without_a_usable_time_is_backed_off_from(retry_after: str | None) -> None:
    service = Api([limited(retry_after), limited(retry_after), OK])
    assert service.client.get("/x") == {"id": 1}
    assert service.pauses == [2.0, 4.0]


@pytest.mark.parametrize(
    "pause",
    [lambda: "61", lambda: in_seconds(90), lambda: "90000", lambda: "1700000000", lambda: in_seconds(200_000)],
    ids=["seconds", "a date", "more than a day", "a time stamp", "a date in days"],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_pause_of_more_than_a_minute_is_not_waited_for(status: int, pause: Callable[[], str]) -> None:
    service = Api([limited(pause(), status)])
    with pytest.raises(GitHubError, match=f"^GitHub answered {status} to GET /x$"):
        service.client.get("/x")
    assert service.pauses == []


def test_after_three_attempts_the_last_answer_is_an_error() -> None:
    service = Api([limited("1"), httpx.Response(502), httpx.Response(500, json={"message": "out\nof order"})])
    with pytest.raises(GitHubError) as raised:
        service.client.get("/x")
    assert raised.value.summary == "GitHub answered 500 to GET /x: out\\nof order"
    assert raised.value.status == 500
    assert service.pauses == [1.0, 4.0]


@pytest.mark.parametrize(("method", "requests"), [("POST", 1), ("PATCH", 2), ("PUT", 2), ("DELETE", 2)])
def test_a_server_error_of_a_post_is_not_repeated(method: str, requests: int) -> None:
    service = Api([httpx.Response(502), OK])
    if requests == 1:
        with pytest.raises(GitHubError):
            service.client.send(method, "/x", {})
    else:
        service.client.send(method, "/x", {})
    assert len(service.requests) == requests


def test_a_rate_limited_post_is_sent_again_with_the_same_content() -> None:
    service = Api([limited("0"), OK])
    service.client.send("POST", "/x", {"body": "é"})
    assert [request.content for request in service.requests] == ['{"body":"é"}'.encode()] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_not_repeated(status: int) -> None:
    service = Api([httpx.Response(status)])
    with pytest.raises(GitHubError):
        service.client.get("/x")
    assert service.pauses == []


def test_a_lost_connection_is_not_repeated() -> None:
    service = Api([httpx.ConnectError("no route\n::error::x")])
    with pytest.raises(GitHubError) as raised:
        service.client.get("/x")
    assert raised.value.summary == "cannot connect to api.github.com: no route\\n::error::x"
    assert raised.value.detail == "Check GITHUB_API_URL, the network and its firewall."
    assert len(service.requests) == 1


# --- reading answers ---------------------------------------------------------------------------


def test_a_list_is_read_page_by_page() -> None:
    pages = [[{"n": number} for number in range(100)], [{"n": 100}, None, 5]]
    service = Api([httpx.Response(200, json=page) for page in pages])
    assert [item["n"] for item in service.client.items("/x", state="open")] == list(range(101))
    assert service.urls == [
        f"https://api.github.com/repos/owner/name/x?state=open&per_page=100&page={page}" for page in (1, 2)
    ]


def test_a_list_below_a_key_is_read() -> None:
    service = Api([httpx.Response(200, json={"jobs": [{"id": 1}]})])
    assert list(service.client.items("/x", "jobs")) == [{"id": 1}]


@pytest.mark.parametrize("answer", [{"jobs": None}, {}, []])
def test_an_answer_without_the_list_is_an_error(answer: Any) -> None:
    service = Api([httpx.Response(200, json=answer)])
    with pytest.raises(GitHubError, match=r"GitHub's answer to /x is not a(n object| list)$"):
        list(service.client.items("/x", "jobs"))


@pytest.mark.parametrize("content", [b"<html>", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_not_json_is_an_error(content: bytes) -> None:
    service = Api([httpx.Response(200, content=content)])
    with pytest.raises(GitHubError, match="is not JSON"):
        service.client.get("/x")


def test_an_empty_answer_to_a_write_is_an_empty_object() -> None:
    assert Api([httpx.Response(204)]).client.send("DELETE", "/x") == {}


def test_an_answer_beyond_the_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_MAX_BYTES", 1024 * 1024)
    with pytest.raises(GitHubError, match=r"^GitHub's answer is larger than 1 MiB$"):
        Api([httpx.Response(200, content=b"1" * (1024 * 1024 + 1))]).client.get("/x")


def test_an_answer_that_is_compressed_twice_is_an_error() -> None:
    body = httpx.ByteStream(gzip.compress(gzip.compress(b"{}")))
    with pytest.raises(GitHubError, match=r'^GitHub\'s answer has Content-Encoding "gzip, gzip", but only gzip'):
        Api([httpx.Response(200, headers={"Content-Encoding": "gzip, gzip"}, stream=body)]).client.get("/x")


# --- downloads ---------------------------------------------------------------------------------


def test_a_download_is_asked_for_without_the_token() -> None:
    moved = httpx.Response(302, headers={"Location": "https://files.example.com/a"})
    service = Api([moved, httpx.Response(200, content=b"zip")])
    assert service.client.download("/x/zip") == b"zip"
    first, second = service.requests
    assert (first.headers.get("authorization"), second.headers.get("authorization")) == ("Bearer t", None)


@pytest.mark.parametrize("location", ["", "http://files.example.com/a", "file:///etc/passwd"])
def test_a_download_goes_to_https_only(location: str) -> None:
    service = Api([httpx.Response(302, headers={"Location": location})])
    with pytest.raises(GitHubError, match="has no download location"):
        service.client.download("/x/zip")
    assert len(service.requests) == 1


# --- values of answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "found"), [({"a": {"b": "c"}}, "c"), ({"a": {"b": 1}}, ""), ({"a": None}, ""), ({}, "")]
)
def test_text_at_is_empty_unless_there_is_text(item: dict[str, Any], found: str) -> None:
    assert text_at(item, "a", "b") == found


@pytest.mark.parametrize("value", [True, "1", None, 1.5, -1, 2**63])
def test_number_at_raises_unless_there_is_an_integer(value: object) -> None:
    assert number_at({"a": 1}, "a") == 1
    with pytest.raises(GitHubError, match="has no number a"):
        number_at({"a": value}, "a")
