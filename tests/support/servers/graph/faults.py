"""Faults of single requests, by path and by number.

Fault("/members", call=2, status=503, retry_after=1)   the second request whose path ends so
Fault("/users", call=3, times=None, close=True)        from the third one on, all of them
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.servers.graph.tenant import Tenant
from support.servers.http_server import Reply

CODES = {
    400: "Request_BadRequest", 401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied",
    404: "Request_ResourceNotFound", 410: "resyncRequired", 429: "TooManyRequests", 500: "InternalServerError",
    502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Requests whose path (without host and query) ends with a match of `path` are counted from 1."""

    path: str = ""
    """Regular expression; "": every request."""
    call: int = 1
    times: int | None = 1
    """How many requests in a row from `call` on; None: all."""
    service: str = "graph"
    """graph, login or oidc."""

    # What happens in place of the answer

    status: int | None = None
    code: str | None = None
    """The error's code, by default the usual one of the status."""
    message: str = "The request failed."
    retry_after: int | None = None
    body: bytes | None = None
    """This body, with `status` or 200."""
    close: bool = False
    """The connection is closed without an answer."""
    wait: float = 0
    """Seconds before the answer."""

    # What happens to the answer

    truncate: bool = False
    """The JSON ends in the middle, as when the service fails after the first byte: the status is 200."""
    break_off: bool = False
    """The connection closes in the middle of the body that was announced."""
    other_host: str | None = None
    """The nextLink is on this origin."""
    loop: bool = False
    """The nextLink is that of the request itself."""
    empty_page: bool = False
    """The page has no rows; they come on the next one (which its nextLink brings)."""
    without_value: bool = False
    """The page has no `value`."""
    duplicate_rows: bool = False
    """The page's first row comes again at its end."""
    edit: Callable[[Any], Any] | None = None
    """Changes the document."""
    before: Callable[[Tenant], object] | None = None
    """Runs on the tenant before the request is answered, to delete a user meanwhile for example."""
    after: Callable[[Tenant], object] | None = None
    """The same, once it is answered."""

    def matches(self, path: str) -> bool:
        return re.search(f"(?:{self.path})$", path) is not None

    def due(self, count: int) -> bool:
        """Whether it happens to the `count`-th matching request."""
        return count >= self.call and (self.times is None or count < self.call + self.times)

    @property
    def replaces(self) -> bool:
        return self.status is not None or self.body is not None or self.close

    def reply(self) -> Reply:
        """What is sent in place of the answer."""
        if self.close:
            return Reply(status=200, lost=True, wait=self.wait)
        status = self.status or 200
        headers = {"content-type": "application/json"}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        inner = {"date": "2026-11-02T08:00:00", "request-id": "00000000-fa17-4000-8000-000000000000"}
        error = {"code": self.code or CODES.get(status, "UnknownError"), "message": self.message, "innerError": inner}
        headers["request-id"] = inner["request-id"]
        body = self.body if self.body is not None else json.dumps({"error": error}).encode()
        return Reply(status=status, headers=headers, body=body, wait=self.wait)

    def change(self, document: Any, request_target: str, origin: str) -> Any:
        """What becomes of a document."""
        if self.edit is not None:
            document = self.edit(document)
        if not isinstance(document, dict):
            return document
        link = document.get("@odata.nextLink")
        if self.other_host is not None and link is not None:
            document["@odata.nextLink"] = link.replace(origin, self.other_host)
        if self.loop:
            document["@odata.nextLink"] = origin + request_target
        if self.duplicate_rows and document.get("value"):
            document["value"] = [*document["value"], document["value"][0]]
        if self.empty_page:
            document.update({"@odata.nextLink": origin + request_target, "value": []})
            document.pop("@odata.deltaLink", None)
        if self.without_value:
            document.pop("value", None)
        return document
