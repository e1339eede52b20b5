"""A SCIM service with a limit: `python limited_server.py --users 100 --limit 25`, to see how a client gets on with it.

Requests come out of a token bucket of `--burst` seconds' worth; who finds it empty gets 429, with Retry-After unless
`--no-retry-after`. Every answer takes `--latency` seconds. `--limit 0` is no limit. All live users have another
department than git says. A userName that is taken is refused. The first line on stdout is the base
URL; when stdin closes it prints what it counted as JSON and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import sys
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from generate import ENTERPRISE, live_users

PREFIX = "/scim"
CAP = 200
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Bucket:
    """Tokens that come at `limit` a second; what is asked and when is counted."""

    def __init__(self, limit: float, burst: float) -> None:
        self.limit = limit
        self.size = max(limit * burst, 1.0)
        self.tokens = self.size
        self.at = self.first = self.last = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        """What was taken, by method; look-ups on their own."""
        self.writing: list[tuple[float, Counter[str]]] = []
        """When the first and the last write were taken, and what was counted until then."""

    def takes(self, *, write: bool = False) -> bool:
        now = time.monotonic()
        self.first = now if not self.counts else self.first
        self.last = now
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.limit)
        self.at = now
        took = not self.limit or self.tokens >= 1
        self.tokens -= took
        self.counts["taken" if took else "refused"] += 1
        if write and took:
            self.writing[1:] = [(now, self.counts.copy())]
        return took

    def report(self) -> dict[str, Any]:
        return {"limit": self.limit, "kinds": dict(self.kinds), **self._report_all(), "writing": self._report_writing()}

    def _report_writing(self) -> dict[str, float]:
        """Report what was asked from the first write to the last."""
        if len(self.writing) < 2:
            return {}
        (began, before), (ended, after) = self.writing
        seconds, counts = max(ended - began, 0.001), after - before
        return {
            "seconds": round(seconds, 1),
            "requests": counts.total(),
            "used": round(counts["taken"] / seconds / self.limit, 3) if self.limit else 0.0,
            "refused": round(counts["refused"] / max(counts.total(), 1), 4),
        }

    def _report_all(self) -> dict[str, float]:
        seconds = max(self.last - self.first, 0.001)
        asked = self.counts.total()
        return {
            "seconds": round(seconds, 1),
            "requests": asked,
            "per_second": round(self.counts["taken"] / seconds, 1),
            "used": round(self.counts["taken"] / seconds / self.limit, 3) if self.limit else 0.0,
            "refused": round(self.counts["refused"] / max(asked, 1), 4),
        }


class Users:
    """The users, and answers about them: (status, JSON)."""

    def __init__(self, count: int) -> None:
        self.by_id: dict[str, dict[str, Any]] = {user["id"]: user for user in live_users(count, 1, 1.0)}
        self.order = list(self.by_id)
        self.names = {user["userName"] for user in self.by_id.values()}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        if path == "/Users":
            return (200, self._list(query)) if method == "GET" else self._create(json.loads(body))
        identity = unquote(path.removeprefix("/Users/"))
        user = self.by_id.get(identity)
        if user is None:
            return 404, {}
        if method == "DELETE":
            del self.by_id[identity]
            return 204, None
        if method == "PATCH":
            for operation in json.loads(body)["Operations"]:
                _set(user, operation["path"], operation.get("value"))
        return 200, user

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        if "filter" in query:
            attribute, _, value = query["filter"].partition(" eq ")
            found = [user for user in self.by_id.values() if str(user.get(attribute)) == json.loads(value)]
            return {"totalResults": len(found), "Resources": found}
        start = int(query.get("startIndex", 1)) - 1
        ids = self.order[start : start + min(int(query.get("count", CAP)), CAP)]
        return {"totalResults": len(self.order), "Resources": [self.by_id[identity] for identity in ids]}

    def _create(self, user: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if user["userName"] in self.names:
            return 409, {"status": "409", "scimType": "uniqueness"}
        self.names.add(user["userName"])
        user["id"] = f"new-{len(self.by_id)}"
        self.by_id[user["id"]] = user
        return 201, user


def _set(user: dict[str, Any], path: str, value: Any) -> None:
    holder = user
    if path.startswith(ENTERPRISE):
        holder, path = user[ENTERPRISE], path.rpartition(":")[2]
    elif "." in path:
        name, _, path = path.partition(".")
        holder = user[name]
    holder[path] = value


class Connection(asyncio.Protocol):
    """One kept connection: one request after another, each answered after `latency` seconds."""

    def __init__(self, users: Users, bucket: Bucket, options: argparse.Namespace) -> None:
        self.users, self.bucket, self.options = users, bucket, options
        self.received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not end or len(rest) < size:
            return
        self.received = rest[size:]
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        answer = self._answer(method, target, rest[:size])
        asyncio.get_running_loop().call_later(self.options.latency, self.transport.write, answer)

    def _answer(self, method: str, target: str, body: bytes) -> bytes:
        extra = ""
        if self.bucket.takes(write=method != "GET"):
            path, _, query = target.removeprefix(PREFIX).partition("?")
            self.bucket.kinds["look-up" if "filter=" in query else method] += 1
            status, document = self.users.answer(method, path, dict(parse_qsl(query)), body)
        else:
            status, document = 429, {"status": "429", "detail": "too many requests"}
            extra = "Retry-After: 1\r\n" if self.options.retry_after else ""
        content = b"" if document is None else msgspec.json.encode(document)
        return f"HTTP/1.1 {status} -\r\n{extra}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def serve(options: argparse.Namespace) -> None:
    users, bucket = Users(options.users), Bucket(options.limit, options.burst)
    gc.freeze()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(users, bucket, options), "127.0.0.1", 0, backlog=128)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PREFIX}\n")
    sys.stdout.flush()
    closed = asyncio.Event()
    threading.Thread(target=_wait_for_end, args=(loop, closed), daemon=True).start()
    await closed.wait()
    sys.stdout.write(json.dumps(bucket.report()) + "\n")
    sys.stdout.flush()


def _wait_for_end(loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    loop.call_soon_threadsafe(closed.set)


def main() -> None:
    parser = argparse.ArgumentParser(description="A SCIM service with a request limit, for measurements.")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--limit", type=float, default=25)
    parser.add_argument("--burst", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=0.004)
    parser.add_argument("--no-retry-after", dest="retry_after", action="store_false")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
