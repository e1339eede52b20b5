"""Bad days of a service: slow, flaky, over its limit."""

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
    """Counts requests and decides which of them fail; one for a server, shared by its threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._requests = 0
        self._second = 0
        self._in_second = 0

    def stop(self) -> None:
        """End every wait that is going on, and wait no more."""
        self._stopping.set()

    def delay(self, quirks: Quirks) -> None:
        """Make the request wait."""
        if quirks.slow:
            self._stopping.wait(quirks.slow)

    def limit(self, quirks: Quirks) -> None:
        """Refuse a request over the limit of this second. Raises RefusalError (429)."""
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
        """Return the error that every nth request is answered with: 500 and 503 in turn."""
        if not quirks.flaky:
            return None
        with self._lock:
            self._requests += 1
            turn, rest = divmod(self._requests, quirks.flaky)
        if rest:
            return None
        return RefusalError(500, "Internal error") if turn % 2 else RefusalError(503, "Service unavailable")


def answer_for_service(quirks: Quirks) -> Response | None:
    """Return what answers in the service's place, None when nothing does."""
    match quirks.in_between:
        case "nothing":
            return None
        case "login_page":
            return build_html_page(200)
        case "redirect":
            return Response(302, headers={"Location": "https://login.example.com/?from=scim"})
        case "proxy_password":
            # Without Proxy-Authenticate: WSGI refuses headers of a single hop.
            return Response(407)
        case "proxy_error":
            return build_html_page(502)


def build_html_page(status: int) -> Response:
    """Return an error page as a load balancer sends it."""
    return Response(status, _HTML.format(status=status).encode(), media_type="text/html; charset=utf-8")
