"""Services with thousands of users that bear less than is asked of them: each user is read once, or the read fails."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.builders import SCIM
from support.servers.http_server import HttpServer, Reply, Request

from reconciler.scim.paging import ListRead
from reconciler.scim.retry import Wait
from reconciler.session.connection import AnswerBounds, connect, open_client

COUNT = 4000
USERS: list[dict[str, Any]] = [{"id": str(number), "title": "x" * 100} for number in range(COUNT)]
ALL = [user["id"] for user in USERS]
PAGE = 200


@dataclass
class Asked:
    """One request for a page. `at_once`: requests that wait for an answer, this one included."""

    start: int
    count: int
    at_once: int


Answer = Callable[[Asked], "Reply | list[dict[str, Any]]"]


def usual(asked: Asked) -> list[dict[str, Any]]:
    return USERS[asked.start - 1 :][: asked.count]


@dataclass
class LargeService:
    """Answers with what `answer` returns, `latency` seconds after the request."""

    answer: Answer
    latency: float = 0.0
    requests: list[Asked] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    _waiting: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def counts(self) -> list[int]:
        """The counts that were asked for, each once, in order."""
        return list(dict.fromkeys(asked.count for asked in self.requests))

    @property
    def attempts(self) -> int:
        return sum((asked.start, asked.count) == (1, PAGE) for asked in self.requests)

    def __call__(self, request: Request) -> Reply:
        url = urlsplit(request.target)
        if not url.path.endswith("/Users"):
            return Reply(status=404, body=b"{}")
        query = parse_qs(url.query)
        with self._lock:
            self._waiting += 1
            asked = Asked(int(query["startIndex"][0]), int(query["count"][0]), self._waiting)
            self.requests.append(asked)
        time.sleep(self.latency)
        with self._lock:
            asked.at_once = max(asked.at_once, self._waiting)
        found = self.answer(asked)
        with self._lock:
            self._waiting -= 1
        if isinstance(found, Reply):
            return found
        return Reply(status=200, body=json.dumps({"totalResults": COUNT, "Resources": found}).encode())

    def read(self, bounds: AnswerBounds | None = None) -> ListRead[str]:
        with self._serve() as base_url:
            environment = {"RECONCILER_TOKEN": "t0ken", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
            to = connect(base_url, SCIM, environment)
            with open_client(to, writes=False, bounds=bounds, on_wait=self.waits.append) as client:
                return client.list_users(lambda user: str(user["id"]), page_size=PAGE, progress=lambda *_: None)

    @contextmanager
    def _serve(self) -> Iterator[str]:
        server = HttpServer(self)
        try:
            yield f"http://127.0.0.1:{server.server_port}/scim"
        finally:
            server.close()


def refuse_large(status: int) -> Answer:
    return lambda asked: Reply(status=status, body=b"{}") if asked.count > PAGE else usual(asked)


def clamp(asked: Asked) -> list[dict[str, Any]]:
    return usual(asked)[:100]


def clamp_later_pages(asked: Asked) -> list[dict[str, Any]]:
    return usual(asked) if asked.start == 1 else usual(asked)[:100]


def count_pages(asked: Asked) -> list[dict[str, Any]]:
    """The number of the page is computed from startIndex: right only at multiples of the count."""
    first = (asked.start - 1) // asked.count * asked.count
    return USERS[first : first + asked.count]


def skip_users_of_large_pages(asked: Asked) -> list[dict[str, Any]]:
    return usual(asked) if asked.count == PAGE or asked.start == 1 else USERS[asked.start + 4 :][: asked.count]


def repeat_users_of_large_pages(asked: Asked) -> list[dict[str, Any]]:
    return usual(asked) if asked.count == PAGE or asked.start == 1 else USERS[asked.start - 6 :][: asked.count]


def shift_with_others(asked: Asked) -> list[dict[str, Any]]:
    return usual(asked) if asked.at_once == 1 else USERS[max(asked.start - 2, 0) :][: asked.count]


@pytest.mark.parametrize(
    ("answer", "counts", "attempts"),
    [
        (usual, [PAGE, 1000], 1),
        (clamp, [PAGE, 100], 1),
        (refuse_large(400), [PAGE, 1000], 1),
        (refuse_large(413), [PAGE, 1000], 1),
        (refuse_large(500), [PAGE, 1000], 1),
        (refuse_large(503), [PAGE, 1000], 1),
        (clamp_later_pages, [PAGE, 1000, 100], 1),
        (count_pages, [PAGE, 1000], 1),
        (skip_users_of_large_pages, [PAGE, 1000, 5], 2),
        (repeat_users_of_large_pages, [PAGE, 1000], 2),
    ],
)
def test_each_user_of_a_large_service_is_read_once(answer: Answer, counts: list[int], attempts: int) -> None:
    service = LargeService(answer)
    read = service.read()
    assert (read.problem, [*read.users]) == (None, ALL)
    assert set(service.counts) == set(counts)
    assert (service.attempts, service.waits) == (attempts, [])


def test_pages_that_are_right_one_after_another_only_are_read_that_way() -> None:
    service = LargeService(shift_with_others, latency=0.005)
    read = service.read()
    assert (read.problem, [*read.users]) == (None, ALL)
    assert service.attempts == 3


def test_large_pages_beyond_the_bounds_of_an_answer_are_read_in_small_ones() -> None:
    service = LargeService(usual)
    read = service.read(AnswerBounds(max_bytes=64 * 1024))
    assert (read.problem, [*read.users]) == (None, ALL)
    assert sum(asked.count == 1000 for asked in service.requests) == 1


def test_pages_that_are_too_large_later_only_are_read_in_small_ones() -> None:
    def answer(asked: Asked) -> list[dict[str, Any]]:
        more = {"photos": "x" * 2000} if asked.start > 1000 and asked.count == 1000 else {}
        return [{**user, **more} for user in usual(asked)]

    service = LargeService(answer)
    read = service.read(AnswerBounds(max_bytes=512 * 1024))
    assert (read.problem, [*read.users]) == (None, ALL)
    assert sum(asked.count == 1000 for asked in service.requests) == 4


def test_a_service_that_bears_three_requests_at_once_is_read_at_its_rate() -> None:
    refused = []

    def answer(asked: Asked) -> Reply | list[dict[str, Any]]:
        if asked.at_once > 3:
            refused.append(asked.start)
            return Reply(status=429, body=b"{}")
        return usual(asked)[:40]

    service = LargeService(answer, latency=0.02)
    read = service.read()
    assert (read.problem, [*read.users]) == (None, ALL)
    assert len(refused) < 25


def test_the_latency_of_a_service_is_waited_for_many_times_at_once() -> None:
    service = LargeService(clamp, latency=0.05)
    read = service.read()
    assert (read.problem, [*read.users]) == (None, ALL)
    assert max(asked.at_once for asked in service.requests) >= 8
    assert min(asked.at_once for asked in service.requests[2:20]) > 1, "from the second page on"
