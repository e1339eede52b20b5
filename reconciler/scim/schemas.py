"""What a service declares about its users in /Schemas (RFC 7643 §7). A declaration is a claim: it proves nothing."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from reconciler.core.paths import get
from reconciler.core.values import fold_case
from reconciler.errors import ScimError, TargetError
from reconciler.scim.json_body import InvalidJsonError, decode_json

_USER = "urn:ietf:params:scim:schemas:core:2.0:user"
_UNIQUE = ("server", "global")
_SECONDS = 10.0


class Service(Protocol):
    """What is needed of a SCIM client."""

    def ask(self, path: str, parameters: None = None, *, seconds: float | None = None) -> httpx.Response:
        """Send a GET."""


def ask_for_unique_user_names(service: Service) -> bool:
    """Ask a service whether it declares that user names are unique. False if it does not say."""
    try:
        response = service.ask("/Schemas", seconds=_SECONDS)
        return response.is_success and declares_unique_user_names(decode_json(response.content))
    except (ScimError, TargetError, InvalidJsonError):
        return False


def declares_unique_user_names(document: Any) -> bool:
    """Whether the answer to /Schemas says that no two users of the service have one name, in whatever case."""
    resources = get(document, "Resources") if isinstance(document, dict) else None
    schemas = [each for each in resources if _is_user(each)] if isinstance(resources, list) else []
    return bool(schemas) and all(map(_has_unique_names, schemas))


def _is_user(schema: Any) -> bool:
    found = get(schema, "id") if isinstance(schema, dict) else None
    return isinstance(found, str) and fold_case(found) == _USER


def _has_unique_names(schema: dict[str, Any]) -> bool:
    attributes = get(schema, "attributes")
    rows = [each for each in attributes if isinstance(each, dict)] if isinstance(attributes, list) else []
    names = [row for row in rows if fold_case(str(get(row, "name"))) == "username"]
    return bool(names) and all(get(row, "uniqueness") in _UNIQUE and get(row, "caseExact") is not True for row in names)
