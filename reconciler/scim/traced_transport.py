"""A span for each request that is sent, with nothing in it that could name a user."""

from __future__ import annotations

import httpx

from reconciler.tracing import is_traced, trace_request

_ERROR = 400
_WORDS = frozenset(
    # SCIM, Microsoft Graph and its login, GitHub, OAuth
    "users groups serviceproviderconfig resourcetypes schemas bulk .search me scim v2 feeds business school"
    " v1.0 beta members owners serviceprincipals applications approleassignedto directory deleteditems"
    " microsoft.graph.user synchronization jobs schema delta auditlogs provisioning domains organization"
    " oauth2 authorize token .well-known openid-configuration"
    " repos issues comments pulls commits statuses actions runs artifacts labels git refs environments secrets"
    " auth".split()
)
"""Segments of paths that are words of an API, in lower case. Every other segment may be an id or a name."""


def template_path(path: str) -> str:
    """Return a path with `{}` for each segment that could name something: `/Users/{}`."""
    return "/".join(part if part.casefold() in _WORDS or not part else "{}" for part in path.split("/"))


class TracedTransport(httpx.BaseTransport):
    """Opens the span of each request, with the names of OpenTelemetry's conventions for HTTP clients.

    Headers and queries are left out: they hold the token, and filters by userName.
    """

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not is_traced():
            return self._inner.handle_request(request)
        where = template_path(request.url.path)
        attributes = {
            "http.request.method": request.method,
            "url.template": where,
            "url.scheme": request.url.scheme,
            "server.address": request.url.host,
        }
        with trace_request(f"{request.method} {where}", attributes) as span:
            response = self._inner.handle_request(request)
            span.set({"http.response.status_code": response.status_code})
            if response.status_code >= _ERROR:
                span.fail(str(response.status_code))
            return response

    def close(self) -> None:
        self._inner.close()
