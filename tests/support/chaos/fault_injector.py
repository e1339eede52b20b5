"""A proxy between the command and a service, on real sockets, that injects the faults of a schedule."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from support.chaos.fault_schedule import Fault, Schedule, Step
from support.servers.http_server import HttpServer, Reply, Request

DELAY = 0.25
REFUSED = 0.1
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_PAGE = b"<!doctype html><html><body><h1>Maintenance</h1></body></html>"
_NOT_JSON = b'{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse", '


_REACHES = frozenset({
    None, Fault.DELAY, Fault.RESET_AFTER, Fault.TRUNCATED, Fault.ERROR_AFTER, Fault.UNAVAILABLE_AFTER, Fault.KILL_AFTER,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that was injected."""

    step: Step
    fault: Fault


class Injector:
    """A proxy for one service. `people` maps ids to `externalId`; created users are added.

    `arriving` is called with the externalId of each write, right before the write reaches the service.
    """

    def __init__(
        self,
        service_url: str,
        schedule: Schedule,
        people: Mapping[str, str],
        arriving: Callable[[str], None] = lambda _person: None,
    ) -> None:
        self.schedule = schedule
        self.fired: list[Fired] = []
        self.requests = 0
        self._victim: int | None = None
        self._doomed = False
        self._service = urlsplit(service_url)
        self._people = dict(people)
        self._arriving = arriving
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running = 0
        self._door: HttpServer | None = None

    def __enter__(self) -> Self:
        self._door = HttpServer(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        if self._door is not None:
            self._door.close()
            for failure in self._door.failures:
                raise failure

    @property
    def base_url(self) -> str:
        assert self._door is not None
        return self._door.origin + self._service.path

    def counts(self) -> Counter[Fault]:
        return Counter(fired.fault for fired in self.fired)

    def aim(self, victim: int) -> None:
        """Names the process that the next kill is meant for."""
        self._victim, self._doomed = victim, False

    def settle(self) -> None:
        """Waits until nothing is on its way to the service any more: what a dead client sent may still arrive."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._running == 0, timeout=30), "a request hangs"

    # --- one request ----------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self._running += 1
            step, fault = self._next(request)
        try:
            return self._disturbed(request, step, fault)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _next(self, request: Request) -> tuple[Step, Fault | None]:
        name = self._name(request)
        self._attempts[name] += 1
        self.requests += 1
        step = Step(name, self._attempts[name])
        fault = self.schedule.draw(step)
        if name in self.schedule.kills and self._victim is not None:
            if self._doomed:
                self._attempts[name] -= 1
                return step, Fault.RESET_BEFORE  # what a dead client had just sent; its own kill is still to come
            fault = self.schedule.kills.pop(name)
            self._doomed = True
        if fault is not None:
            self.fired.append(Fired(step, fault))
        return step, fault

    def _name(self, request: Request) -> str:
        url = urlsplit(request.target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        identity = unquote(url.path.removeprefix(self._service.path).removeprefix("/Users").removeprefix("/"))
        person = self._people.get(identity, f"id {identity}")
        if request.method == "POST":
            return f"create {json.loads(request.body).get('externalId')}"
        if request.method != "GET":
            return f"{request.method.lower()} {person}"
        if identity:
            return f"read {person}"
        return f"find {query['filter']}" if "filter" in query else f"page {query.get('startIndex')}"

    def _disturbed(self, request: Request, step: Step, fault: Fault | None) -> Reply:
        reply = self._forwarded(request, step) if fault in _REACHES else Reply(status=0, reset=True)
        match fault:
            case Fault.DELAY:
                reply = replace(reply, wait=DELAY)
            case Fault.RESET_AFTER:
                reply = replace(reply, reset=True)
            case Fault.TRUNCATED:
                reply = replace(reply, break_at=len(reply.body) // 2, lost=not reply.body)
            case Fault.REFUSED:
                assert self._door is not None
                self._door.refuse(REFUSED)
            case Fault.KILL_BEFORE | Fault.KILL_AFTER:
                assert self._victim is not None
                os.kill(self._victim, signal.SIGKILL)
                reply = Reply(status=0, reset=True)
        return _SAID[fault]() if fault in _SAID else reply

    def _forwarded(self, request: Request, step: Step) -> Reply:
        if step.writes:
            self._arriving(step.name.partition(" ")[2])
        connection = http.client.HTTPConnection(self._service.netloc, timeout=30)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP}
        connection.request(request.method, request.target, request.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self._learn(request, answer.status, body)
        kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
        return Reply(status=answer.status, headers=kept, body=body)

    def _learn(self, request: Request, status: int, body: bytes) -> None:
        if request.method == "POST" and status == HTTPStatus.CREATED:
            with self._lock:
                self._people[json.loads(body)["id"]] = json.loads(request.body).get("externalId")


def _soon() -> str:
    # Half a second on average: HTTP dates are whole seconds.
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


_JSON_TYPE, _HTML_TYPE = {"Content-Type": "application/scim+json"}, {"Content-Type": "text/html"}
_ERROR = Reply(status=500, headers=_HTML_TYPE, body=_PAGE)
_UNAVAILABLE = Reply(status=503, headers={**_HTML_TYPE, "Retry-After": "0"}, body=_PAGE)
_SAID: Mapping[Fault | None, Callable[[], Reply]] = {
    Fault.BUSY_SECONDS: lambda: Reply(status=429, headers={**_JSON_TYPE, "Retry-After": "0"}, body=b"{}"),
    Fault.BUSY_DATE: lambda: Reply(status=429, headers={**_JSON_TYPE, "Retry-After": _soon()}, body=b"{}"),
    Fault.ERROR_BEFORE: lambda: _ERROR,
    Fault.ERROR_AFTER: lambda: _ERROR,
    Fault.UNAVAILABLE_BEFORE: lambda: _UNAVAILABLE,
    Fault.UNAVAILABLE_AFTER: lambda: _UNAVAILABLE,
    Fault.NOT_JSON: lambda: Reply(status=200, headers=_JSON_TYPE, body=_NOT_JSON),
    Fault.HTML: lambda: Reply(status=200, headers=_HTML_TYPE, body=_PAGE),
    Fault.REDIRECT: lambda: Reply(status=302, headers={"Location": "https://login.example/"}),
}
"""Responses that a gateway sends in place of the service's."""
