"""A request to Graph, parsed, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from support.servers.graph.error_answers import GraphError, bad_request, denied, expired_page
from support.servers.graph.page_tokens import unseal
from support.servers.graph.properties import ALONE, DEFAULT, PROPERTIES, is_extension

_OPTIONS = frozenset("$select $expand $filter $top $count $orderby $search $skiptoken $deltatoken $skip".split())
_PAGE = 100
_MOST = 999


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: a document, or text for text/plain."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    version: str
    """v1.0 or beta."""
    path: str
    """Behind the version, such as /users."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    roles: frozenset[str]
    base: str
    """The address of this version, such as http://127.0.0.1:8080/v1.0."""

    @classmethod
    def parse(
        cls, method: str, target: str, headers: Mapping[str, str], body: bytes, *, roles: frozenset[str], origin: str
    ) -> Call:
        split = urlsplit(target)
        _, version, *rest = unquote(split.path).split("/")
        if version not in {"v1.0", "beta"} or not rest:
            raise bad_request(f"Invalid version: {version}", "BadRequest")
        pairs = parse_qsl(split.query, keep_blank_values=True)
        query = {name: value for name, value in pairs if name.startswith("$")}
        unknown = sorted(set(query) - _OPTIONS)
        if unknown:
            raise bad_request(f"The query parameter '{unknown[0]}' is not supported.", "BadRequest")
        folded = {name.casefold(): value for name, value in headers.items()}
        return cls(method, version, "/" + "/".join(rest), query, folded, body, roles, f"{origin}/{version}")

    @property
    def advanced(self) -> bool:
        """Whether it is an advanced query: the header must come with each page."""
        return self.headers.get("consistencylevel", "").casefold() == "eventual"

    @property
    def counted(self) -> bool:
        return self.advanced and self.query.get("$count", "").casefold() == "true"

    @property
    def token(self) -> dict[str, Any] | None:
        """What the page token says; None on the first page."""
        if "$skiptoken" not in self.query:
            return None
        content = unseal(self.query["$skiptoken"])
        if content is None:
            raise bad_request("Invalid page token.", "Directory_InvalidPageToken")
        if content.get("advanced") and not self.advanced:
            raise expired_page()
        return content

    def document(self) -> dict[str, Any]:
        """The body of a POST."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            raise bad_request("Unable to read JSON request payload.", "BadRequest") from None
        if not isinstance(found, dict):
            raise bad_request("Unable to read JSON request payload.", "BadRequest")
        return found

    def allow(self, *names: str) -> None:
        """Refuse other options than these."""
        for name in self.query:
            if name not in names:
                message = f"The following query options are not supported for this request: {name}"
                raise bad_request(message, "Request_UnsupportedQuery")

    def need(self, *roles: str) -> None:
        """Refuse a token that has none of these permissions."""
        if not self.has(*roles):
            raise denied()

    def has(self, *roles: str) -> bool:
        return bool(self.roles & set(roles))

    def selected(self, kind: str, *, listed: bool = True) -> tuple[str, ...]:
        """The properties of `$select`, or those that come without it."""
        names = self.names()
        if not names:
            return DEFAULT[kind]
        for name in names:
            if kind == "user" and name in ALONE:
                if listed:
                    raise GraphError(501, "NotImplemented", f"'{name}' is not implemented in lists.")
            elif name not in PROPERTIES[kind] and not is_extension(name):
                raise no_property(name, kind)
        return names

    def names(self) -> tuple[str, ...]:
        """`$select` as it is."""
        return tuple(name.strip() for name in self.query.get("$select", "").split(",") if name.strip())

    def top(self, *, most: int = _MOST) -> int:
        """`$top`, or 100."""
        if "$top" not in self.query:
            return _PAGE
        text = self.query["$top"]
        size = int(text) if text.isascii() and text.isdigit() else 0
        if not 1 <= size <= most:
            message = f"Invalid page size specified: '{text}'. Must be between 1 and {most} inclusive."
            raise bad_request(message)
        return size


def no_property(name: str, kind: str) -> GraphError:
    message = (
        f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
        f" 'microsoft.graph.{kind}'."
    )
    return GraphError(400, "BadRequest", message)
