"""Graph's error answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GraphError(Exception):
    """An answer that is an error."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphError:
    return GraphError(400, code, message)


def unsupported_query(message: str = "Unsupported query.") -> GraphError:
    return GraphError(400, "Request_UnsupportedQuery", message)


def denied() -> GraphError:
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def not_found(resource: str) -> GraphError:
    message = f"Resource '{resource}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", message)


def no_segment(segment: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def expired_page() -> GraphError:
    return GraphError(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )


def body_of(failure: GraphError, date: str, request_id: str, client_request_id: str) -> dict[str, object]:
    inner = {"date": date, "request-id": request_id, "client-request-id": client_request_id}
    return {"error": {"code": failure.code, "message": failure.message, "innerError": inner}}
