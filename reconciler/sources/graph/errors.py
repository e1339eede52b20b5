"""Messages for the errors of Microsoft Graph, with a next step each.

https://learn.microsoft.com/graph/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import SourceError
from reconciler.scim.errors import is_web_page
from reconciler.scim.json_body import InvalidJsonError, decode_answer
from reconciler.sources.graph.permissions import Permission, describe_grant

EXPIRED_PAGE = "Directory_ExpiredPageToken"
NO_SUCH_OBJECT = "Request_ResourceNotFound"
_AGAIN = "Run the same command again."
_CODES = {
    "Request_UnsupportedQuery": "This directory does not support the query. Please report it with the request-id.",
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant": (
        "The provisioning log needs Microsoft Entra ID P1 or P2 in this tenant."
    ),
    "Directory_ReplicaUnavailable": f"A part of the directory is not available now. {_AGAIN}",
    "syncStateNotFound": "The delta link has expired: run the command without --delta, or with a new file for it.",
    EXPIRED_PAGE: _AGAIN,
}
_STATUS = {
    401: "Check the credential, and the clock of this machine. A token in RECONCILER_GRAPH_TOKEN ends after an hour.",
    404: "Check source.entra in settings.yaml: the object does not exist in this tenant.",
}
_REFUSED_WITH = {Permission.AUDIT_LOG: [Permission.AUDIT_LOG, Permission.DIRECTORY]}
"""What to grant after a refusal: Microsoft documents that the provisioning log needs both."""
_BY_PATH = (
    ("/synchronization/", Permission.SYNCHRONIZATION),
    ("/auditLogs/", Permission.AUDIT_LOG),
    ("/servicePrincipals", Permission.APPLICATIONS),
    ("/applications", Permission.APPLICATIONS),
    ("/groups", Permission.GROUPS),
    ("/users", Permission.USERS),
    ("/directory/deletedItems/microsoft.graph.group", Permission.DELETED_GROUPS),
    ("/directory/deletedItems", Permission.USERS),
    ("/directoryObjects", Permission.DIRECTORY),
)


class GraphError(SourceError):
    """Microsoft Graph refused a request, or its answer cannot be used: no file was written. Exit code 1.

    `status`: 0 without an answer. `code`: Graph's, "" without one.
    """

    def __init__(self, summary: str, detail: str = "", *, status: int = 0, code: str = "") -> None:
        super().__init__(summary, detail)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, for messages. `path`: without the query. `page`: from 1; 0: it is no list."""

    path: str
    page: int = 0

    def __str__(self) -> str:
        return f"page {self.page:,} of {self.path}" if self.page else self.path


def read_graph_error(response: httpx.Response) -> tuple[str, str]:
    """Return code and message of an error of Graph; "" each without one. Both are untrusted text."""
    try:
        body = decode_answer(response)
    except InvalidJsonError:
        return "", ""
    error = body.get("error") if isinstance(body, dict) else None
    return (_text(error, "code"), _text(error, "message")) if isinstance(error, dict) else ("", "")


def _text(error: Mapping[str, Any], key: str) -> str:
    found = error.get(key)
    return found if isinstance(found, str) else ""


def explain_refusal(response: httpx.Response, reading: Reading) -> GraphError:
    """Explain an answer that is no success."""
    code, message = read_graph_error(response)
    status = response.status_code
    named = f"{status} {shorten(code, 80)}" if code.isascii() and code.isidentifier() else f"{status}"
    said = f": {quote(shorten(message, 300))}" if message else ""
    summary = f"Microsoft Graph refused {reading} ({named}){said}"
    return GraphError(
        summary, _join(_advise(response, code, reading), _name_request(response)), status=status, code=code
    )


def explain_answer(response: httpx.Response, reading: Reading, why: str) -> GraphError:
    """Explain an answer that cannot be used. `why` completes "the answer to …"."""
    return GraphError(
        f"Microsoft Graph's answer to {reading} {why}",
        _join(_AGAIN, _name_request(response)),
        status=response.status_code,
    )


def _advise(response: httpx.Response, code: str, reading: Reading) -> str:
    status = response.status_code
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        return "Redirects are not followed with a token."
    if is_web_page(response):
        return "A web page is not how Microsoft Graph answers: a proxy or a firewall answers in its place."
    if status == httpx.codes.FORBIDDEN and code not in _CODES:
        return describe_grant(_REFUSED_WITH.get(found := find_permission(reading.path), [found]))
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _CODES.get(code, f"Check the state of Microsoft Graph. {_AGAIN}")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return _describe_limit(response)
    return _CODES.get(code) or _STATUS.get(status, "")


def _describe_limit(response: httpx.Response) -> str:
    seconds = parse_count(response.headers.get("retry-after"))
    when = "later" if seconds is None else f"in {pluralize(seconds, 'second')}"
    return f"Microsoft Graph limits the requests of this app in this tenant: run the same command again {when}."


def find_permission(path: str) -> Permission:
    """Return the least permission for a path below the version."""
    for part, permission in _BY_PATH:
        if part in path:
            return permission
    return Permission.DIRECTORY


def _name_request(response: httpx.Response) -> str:
    """Return the sentence with the request-id, which Microsoft's support asks for."""
    identity = response.headers.get("request-id", "")
    return f"request-id {quote(shorten(identity, 80))}." if identity else ""


def _join(*sentences: str) -> str:
    return " ".join(each for each in sentences if each)
