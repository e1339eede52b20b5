"""A SCIM list service as fast as Python can: `python bench_server.py --users N --drift 0.02 --port 0`.

All users are encoded once, one after another, at the start; a page of any size up to `--cap` is a head and a slice of
that, sent without a copy, `--latency` milliseconds after the request. The first line on stdout is the base URL. It ends
when stdin closes, so start it with a pipe there; its last line says as JSON how many requests came, and how many of
them waited for their answers at once, at most.
"""

import argparse
import asyncio
import gc
import json
import re
import socket
import sys
import threading
from array import array
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from generate import live_users
from history import edits

CAP = 1000
DEFAULT_COUNT = 100
PREFIX = "/scim"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_CLAUSE = re.compile(r'(\w+) eq ("(?:[^"\\]|\\.)*")', re.IGNORECASE)
_TENANT = re.compile(rb"\r\nauthorization: bearer token-of-(t\d{5})\b", re.IGNORECASE)
_DOMAIN = b"example.com"
_JOIN_BELOW = 65_536
_SEND_BUFFER = 4 << 20
_HEAD_END = b"\r\n\r\n"

Parts = tuple[bytes | memoryview, ...]


class Pages:
    """Users as JSON, found by position, id, userName or externalId."""

    def __init__(self, users: Iterable[dict[str, Any]], cap: int = CAP) -> None:
        self.cap = cap
        encode = msgspec.json.Encoder().encode
        text = bytearray()
        self.ends = array("Q", [0])
        self.by: dict[str, dict[str, int]] = {"id": {}, "username": {}, "externalid": {}}
        for position, user in enumerate(users):
            text += encode(user) + b","
            self.ends.append(len(text))
            self.by["id"][user["id"]] = position
            self.by["username"][user["userName"].lower()] = position
            self.by["externalid"][user["externalId"]] = position
        self.text = memoryview(bytes(text))
        self.total = len(self.ends) - 1

    def slice(self, first: int, last: int) -> memoryview:
        """The users of the positions from `first` to before `last`, between commas."""
        return self.text[self.ends[first] : self.ends[last] - 1] if first < last else self.text[:0]

    def page(self, start: int, count: int) -> Parts:
        first = min(max(start, 1) - 1, self.total)
        last = min(first + max(0, min(count, self.cap)), self.total)
        return listed(self.slice(first, last), self.total, max(start, 1), last - first)

    def find(self, filter_text: str) -> Parts:
        match = _CLAUSE.fullmatch(filter_text.strip())
        if match is None or match[1].lower() not in self.by:
            return answer(HTTPStatus.BAD_REQUEST, b"{}")
        attribute, value = match[1].lower(), json.loads(match[2])
        position = self.by[attribute].get(value.lower() if attribute == "username" else value)
        if position is None:
            return listed(self.text[:0], 0, 1, 0)
        return listed(self.slice(position, position + 1), 1, 1, 1)

    def get(self, id_: str) -> Parts:
        position = self.by["id"].get(id_)
        if position is None:
            return answer(HTTPStatus.NOT_FOUND, b"{}")
        return answer(HTTPStatus.OK, self.slice(position, position + 1))


def listed(users: memoryview, total: int, start: int, count: int) -> Parts:
    before = (
        f'{{"schemas":["{LIST_RESPONSE}"],"totalResults":{total},"startIndex":{start},'
        f'"itemsPerPage":{count},"Resources":['
    )
    return answer(HTTPStatus.OK, before.encode(), users, b"]}")


def answer(status: HTTPStatus, *parts: bytes | memoryview) -> Parts:
    """Head and body in pieces; few, and small ones as one, because each is written by itself."""
    length = sum(map(len, parts))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n"
    )
    if length < _JOIN_BELOW:
        return (b"".join((head.encode(), *parts)),)
    return (head.encode() + parts[0], *parts[1:])


def respond(pages: Pages, head: bytes) -> Parts:
    """The answer to a request's head; each tenant of `fleet.py` has users of a domain of its own."""
    tenant = _TENANT.search(head)
    if tenant is None:
        return _respond(pages, head)
    domain = tenant[1] + b".test"  # as long as the other, so that no length changes
    return tuple(bytes(part).replace(_DOMAIN, domain) for part in _respond(pages, head.replace(domain, _DOMAIN)))


def _respond(pages: Pages, head: bytes) -> Parts:
    if b"\r\nauthorization: bearer " not in head.lower():
        return answer(HTTPStatus.UNAUTHORIZED, b"{}")
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    path, _, query = target.removeprefix(PREFIX).partition("?")
    if method != "GET" or not path.startswith("/Users"):
        return answer(HTTPStatus.NOT_FOUND, b"{}")
    if path.startswith("/Users/"):
        return pages.get(path.removeprefix("/Users/"))
    options = dict(parse_qsl(query))
    if "filter" in options:
        return pages.find(options["filter"])
    return pages.page(int(options.get("startIndex", 1)), int(options.get("count", DEFAULT_COUNT)))


class Load:
    """How many requests came, how many wait for their answers, and how many did at once."""

    def __init__(self) -> None:
        self.requests = self.waiting = self.at_once = 0

    def begin(self) -> None:
        self.requests += 1
        self.waiting += 1
        self.at_once = max(self.at_once, self.waiting)

    def end(self) -> None:
        self.waiting -= 1


class Connection(asyncio.Protocol):
    """One kept connection. Only GET is understood; after a request with a body the connection closes."""

    def __init__(self, pages: Pages, load: Load, latency: float) -> None:
        self.pages = pages
        self.load = load
        self.latency = latency
        self.received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        # A whole page fits: what the socket doesn't take at once, asyncio copies.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while _HEAD_END in self.received:
            head, _, self.received = self.received.partition(_HEAD_END)
            self.load.begin()
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self._send, head)
            else:
                self._send(head)

    def _send(self, head: bytes) -> None:
        self.load.end()
        if self.transport.is_closing():
            return
        for part in self._answer(head):
            self.transport.write(part)
        if not head.startswith(b"GET "):
            self.transport.close()

    def _answer(self, head: bytes) -> Parts:
        try:
            return respond(self.pages, head)
        except ValueError:
            return answer(HTTPStatus.BAD_REQUEST, b"{}")


async def serve(pages: Pages, port: int, latency: float = 0.0) -> Load:
    """Serve `pages` until stdin closes, each answer `latency` seconds after its request."""
    loop, load = asyncio.get_running_loop(), Load()
    server = await loop.create_server(lambda: Connection(pages, load, latency), "127.0.0.1", port, backlog=256)
    closed = asyncio.Event()
    threading.Thread(target=_wait_for_end, args=(loop, closed), daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PREFIX}\n")
    sys.stdout.flush()
    await closed.wait()
    server.close()
    return load


def _wait_for_end(loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(closed.set)


def main() -> None:
    parser = argparse.ArgumentParser(description="A fast SCIM list service for measurements.")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drift", type=float, default=0.02)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cap", type=int, default=CAP, help="users on a page at most")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds from a request to its answer")
    parser.add_argument("--commits", type=int, default=0, help="as so many commits of history.py left the users")
    options = parser.parse_args()
    departments = dict(edits(options.commits, options.users))
    pages = Pages(live_users(options.users, options.seed, options.drift, departments), options.cap)
    gc.freeze()
    load = asyncio.run(serve(pages, options.port, options.latency / 1000))
    sys.stdout.write(json.dumps({"requests": load.requests, "at_once": load.at_once}) + "\n")


if __name__ == "__main__":
    main()
