"""Injected faults: slow, failing and rate-limited answers, and answers of an intermediary."""

import threading
import time
from collections.abc import Callable

from reconciler.sandbox.http_messages import RefusalError, Response
from reconciler.sandbox.quirks import Quirks

_HTML = """<!DOCTYPE html>
<html><head><title>{status}</title></head><body><h1>{status}</h1>
<p>The service is temporarily unavailable.</p></body></html>
"""


class Faults:
    """Counts requests and decides which fail; one per server, shared by its threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._requests = 0
        self._second = 0
        self._in_second = 0

    def stop(self) -> None:
        """End all waits, and wait no more."""
        self._stopping.set()

    def delay(self, quirks: Quirks) -> None:
        """Delay the request."""
        if quirks.slow:
            self._stopping.wait(quirks.slow)

    def limit(self, quirks: Quirks) -> None:
        """Raise RefusalError (429) for a request over the limit of this second."""
        if not quirks.rate_limit:
            return
        with self._lock:
            second = int(self._monotonic())
            if second != self._second:
                self._second, self._in_second = second, 0
            self._in_second += 1
            over = self._in_second > quirks.rate_limit
        if over:
            raise RefusalError(429, "Too many requests", headers={"Retry-After": "1"})

    def next_failure(self, quirks: Quirks) -> RefusalError | None:
        """Count the request; return the error for every nth one, 500 and 503 in turn, else None."""
        if not quirks.flaky:
            return None
        with self._lock:
            self._requests += 1
            turn, rest = divmod(self._requests, quirks.flaky)
        if rest:
            return None
        return RefusalError(500, "Internal error") if turn % 2 else RefusalError(503, "Service unavailable")


def answer_for_service(quirks: Quirks) -> Response | None:
    """Return the answer of an intermediary, such as a proxy; None if the service answers."""
    match quirks.in_between:
        case "nothing":
            return None
        case "login_page":
            return build_html_page(200)
        case "redirect":
            return Response(302, headers={"Location": "https://login.example.com/?from=scim"})
        case "proxy_password":
            # Without Proxy-Authenticate: WSGI rejects hop-by-hop headers.
            return Response(407)
        case "proxy_error":
            return build_html_page(502)


def build_html_page(status: int) -> Response:
    """Build an error page as a load balancer sends it."""
    return Response(status, _HTML.format(status=status).encode(), media_type="text/html; charset=utf-8")
