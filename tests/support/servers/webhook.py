"""A receiver of webhooks: what was posted to it, and the answers that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Self

from support.servers.http_server import HttpServer, Reply, Request
from support.servers.running_server import RunningServer

PATH = "/services/T0/B0/hunter2-planted-secret"


class WebhookReceiver(RunningServer):
    """Answers each message with the next of `replies`, the last of them again and again."""

    def __init__(self, *replies: Reply, make: Callable[[Callable[[Request], Reply]], HttpServer] = HttpServer) -> None:
        self._replies = list(replies) or [Reply(status=200, body=b"ok")]
        self._make = make
        self.requests: list[Request] = []

    def start(self) -> Self:
        self._server = self._make(self._answer)
        return self

    def close(self) -> None:
        self._server.close()
        assert self._server.failures == []

    @property
    def url(self) -> str:
        return f"{self._server.origin}{PATH}?sig=planted"

    @property
    def documents(self) -> list[Any]:
        return [json.loads(each.body) for each in self.requests]

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]
