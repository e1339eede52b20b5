"""The pages of a list of Microsoft Graph: their rows, and the links between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reconciler.core.base_url import split_origin
from reconciler.core.text import quote, shorten
from reconciler.scim.transport import Endpoint
from reconciler.sources.graph.errors import GraphError, Reading

T = TypeVar("T")
Row = Mapping[str, Any]
"""One object of an answer: untrusted."""

MAX_ROWS = 2_000_000
"""Of one list."""
NEXT_LINK, DELTA_LINK = "@odata.nextLink", "@odata.deltaLink"
_LONGEST_LINK = 32 * 1024
_AGAIN = "Run the same command again."


@dataclass(frozen=True, slots=True)
class GraphList(Generic[T]):
    """A list that was read to its end."""

    rows: list[T]
    """In the order in which they came, each converted."""
    duplicates: frozenset[str]
    """The ids that came more than once."""
    pages: int
    delta_link: str | None = None
    """The link for later changes, at the end of a delta query. Opaque; no credential, but not for git."""


class RowCollector(Generic[T]):
    """Collects the rows of a list page by page."""

    def __init__(self, convert: Callable[[Row], T]) -> None:
        self._convert = convert
        self._ids: set[str] = set()
        self._duplicates: set[str] = set()
        self._delta_link: str | None = None
        self.rows: list[T] = []
        self.pages = 0

    def add(self, page: Row, reading: Reading) -> int:
        """Add a page and return how many rows it has. Raises `GraphError` for one that is not a page of objects."""
        found = page.get("value")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise GraphError(f"Microsoft Graph's answer to {reading} is not a list of objects", _AGAIN)
        if len(self.rows) + len(found) > MAX_ROWS:
            raise GraphError(f"Microsoft Graph's list {reading.path} has more than {MAX_ROWS:,} rows")
        for row in found:
            self._note_id(row)
            self.rows.append(self._convert(row))
        self._note_end(page, reading)
        self.pages += 1
        return len(found)

    def _note_id(self, row: Row) -> None:
        identity = row.get("id")
        if isinstance(identity, str):
            if identity in self._ids:
                self._duplicates.add(identity)
            self._ids.add(identity)

    def _note_end(self, page: Row, reading: Reading) -> None:
        link = page.get(DELTA_LINK)
        if link is None:
            return
        if page.get(NEXT_LINK) is not None or not isinstance(link, str):
            raise GraphError(f"Microsoft Graph's answer to {reading} is the last page and is not", _AGAIN)
        self._delta_link = link

    def finish(self) -> GraphList[T]:
        """Return the list, after its last page."""
        return GraphList(self.rows, frozenset(self._duplicates), self.pages, self._delta_link)


def check_link(link: object, endpoint: Endpoint, reading: Reading) -> str:
    """Return a link to follow. Raises `GraphError`, before anything is sent, for one that leaves the host."""
    text = link if isinstance(link, str) and len(link) <= _LONGEST_LINK else ""
    try:
        # Characters that URLs do not have would be escaped, and the link not followed as it is.
        origin = split_origin(text) if all("!" <= each <= "~" for each in text) else None
    except ValueError:
        origin = None
    if origin is None:
        raise GraphError(f"Microsoft Graph's answer to {reading} has a link that is no URL", _AGAIN)
    if origin != (endpoint.scheme, endpoint.host, endpoint.port) or "@" in text.split("/")[2]:
        shown = quote(shorten(text.partition("?")[0], 120))
        raise GraphError(
            f"the link on {reading} leaves {endpoint.base_url}: {shown}", "Nothing was sent there, and no token."
        )
    return text
