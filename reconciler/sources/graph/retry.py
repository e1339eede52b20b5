"""When a request to Microsoft Graph or to its token endpoint is sent again.

https://learn.microsoft.com/graph/throttling: every request counts while an application is throttled, so the pause is at
least as long as `Retry-After` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.network import DIRECT, Network
from reconciler.scim.retry import TransientFailure, Wait, parse_retry_after
from reconciler.scim.retry_transport import CONNECT_ERRORS, utc_now

LONGEST_PAUSE = 600.0
"""Seconds. A longer Retry-After ends the read, with the time in the message."""
PATIENCE = 1200.0
"""Seconds without an accepted request after which the read ends."""
REQUEST_SECONDS = 1200.0
"""For one request: all its attempts, and the pauses between them."""
_TRANSIENT = (500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How waits are reported and ended, how connections leave this machine, and the time of a request."""

    stop: threading.Event | None = None
    on_wait: Callable[[Wait], None] = lambda _wait: None
    network: Network = DIRECT
    seconds: float = REQUEST_SECONDS


QUIET = Waiting()
"""Waits are not reported, and not ended."""


class GraphRetryRule:
    """What failed answers mean. Every request that is sent only reads, so each may be sent again."""

    def __init__(self, messages: ConnectionMessages, service: str, now: Callable[[], datetime] = utc_now) -> None:
        self._messages = messages
        self._service = service
        self._now = now

    def refusal_in(self, _request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer: throttling and errors of a server may pass."""
        status = response.status_code
        busy = status == httpx.codes.TOO_MANY_REQUESTS
        if not busy and status not in _TRANSIENT:
            return None
        pause = parse_retry_after(response.headers.get("retry-after"), self._now())
        if pause is not None and pause > LONGEST_PAUSE:
            return None
        return TransientFailure(f"{self._service} answers {status}", pause, busy=busy)

    def refusal_from(self, _request: httpx.Request, exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception: a failed connection may pass, and so may a lost answer."""
        if isinstance(exc, CONNECT_ERRORS):
            error, may_pass = self._messages.explain_no_connection(exc)
            return TransientFailure(error.summary) if may_pass else None
        return TransientFailure(self._messages.explain_no_answer(exc).summary)
