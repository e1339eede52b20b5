"""A bare concurrent read: `python bare_read.py BASE_URL --connections N --count C`.

The least that N threads with a connection each need to read and decode all pages of C users at once: no checks, no
retries, nothing kept. The first page says how many users there are, and how many come on a page. Prints seconds and
requests as JSON.
"""

import argparse
import gc
import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import msgspec

HEADERS = {"Authorization": "Bearer t0ken", "Accept": "application/scim+json"}


class Reader:
    """Reads pages of at most `count` users, on one connection for each thread."""

    def __init__(self, base_url: str, count: int) -> None:
        self._url = urlsplit(base_url)
        self._count = count
        self._own = threading.local()

    def page(self, start: int) -> dict[str, Any]:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection(self._url.netloc, timeout=60)
        path = f"{self._url.path}/Users?startIndex={start}&count={self._count}"
        connection.request("GET", path, headers=HEADERS)
        decoded: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
        return decoded


def read(base_url: str, connections: int, count: int) -> Iterator[int]:
    """Yield the number of users of each page."""
    reader = Reader(base_url, count)
    with ThreadPoolExecutor(connections) as pool:
        first = pool.submit(reader.page, 1).result()
        size = len(first["Resources"])
        yield size
        if size:
            starts = range(size + 1, first["totalResults"] + 1, size)
            yield from pool.map(lambda start: len(reader.page(start)["Resources"]), starts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Read all users of a SCIM service, with nothing else.")
    parser.add_argument("base_url")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    gc.disable()
    begin = time.perf_counter()
    pages = list(read(options.base_url, options.connections, options.count))
    figures = {
        "read_s": round(time.perf_counter() - begin, 4),
        "cpu_s": round(time.process_time(), 4),
        "requests": len(pages),
        "users": sum(pages),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
