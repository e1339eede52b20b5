"""A token endpoint and a provider of OIDC tokens for unit tests: scripted answers, and what was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from support.servers.http_server import HttpServer, Reply, Request


class TokenServer:
    """Answers from a list; without one, with a token that counts up."""

    def __init__(self) -> None:
        self.answers: list[Reply] = []
        self.seen: list[Request] = []
        self.server = HttpServer(self._answer)

    @property
    def origin(self) -> str:
        return self.server.origin

    @property
    def forms(self) -> list[dict[str, str]]:
        """The forms that were posted."""
        posted = [request for request in self.seen if request.method == "POST"]
        return [{key: values[0] for key, values in parse_qs(each.body.decode()).items()} for each in posted]

    def _answer(self, request: Request) -> Reply:
        self.seen.append(request)
        if self.answers:
            return self.answers.pop(0)
        if request.method == "GET":
            return reply(count=1, value=f"assertion-{len(self.seen)}")
        return reply(token_type="Bearer", expires_in=3599, access_token=f"token-{len(self.seen)}")


def reply(status: int = 200, **body: Any) -> Reply:
    """An answer in JSON."""
    return Reply(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())


@contextmanager
def token_server() -> Iterator[TokenServer]:
    """Serve tokens on 127.0.0.1."""
    served = TokenServer()
    try:
        yield served
    finally:
        served.server.close()
