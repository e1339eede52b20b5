"""Request, response and refusal, independent of any web server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

SCIM_MEDIA_TYPE = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request below the SCIM base path.

    `base_url` is the SCIM root as the client sees it, `path` starts with a slash and is relative to it,
    `headers` has lower-case names, `edition` is "business" or "school".
    """

    method: str
    base_url: str
    edition: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether the method may change something."""
        return self.method in WRITES


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; `body` is encoded."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = SCIM_MEDIA_TYPE


class RefusalError(Exception):
    """The request is answered with a SCIM error (RFC 7644 §3.12).

    `breaks_connection`: after this refusal the service only answers 401.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        scim_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        breaks_connection: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self.headers = dict(headers or {})
        self.breaks_connection = breaks_connection


def build_json_response(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """Build a JSON response; names are not escaped to ASCII."""
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return Response(status, encoded, dict(headers or {}))


def build_error_response(refusal: RefusalError) -> Response:
    """Build the SCIM error of a refusal; RFC 7644 §3.12: `status` is a string."""
    body: dict[str, object] = {"schemas": [ERROR_SCHEMA], "status": str(refusal.status)}
    if refusal.scim_type:
        body["scimType"] = refusal.scim_type
    body["detail"] = refusal.detail
    return build_json_response(refusal.status, body, refusal.headers)
