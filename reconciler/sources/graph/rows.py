"""What reads of Microsoft Entra ID need of a client, and what they require of each row. Rows are untrusted."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from reconciler.core.text import quote, shorten
from reconciler.errors import SourceError
from reconciler.sources.graph.errors import GraphError
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.permissions import Permission

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
PAGE = 999
"""Rows of a page: the most that lists of users, groups and assignments accept as `$top`."""
_OBJECT_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Listed(Protocol[T_co]):
    """A list that was read to its end; `duplicates`: the ids that came more than once."""

    @property
    def rows(self) -> Collection[T_co]:
        """The rows in the order in which they came, each converted."""

    @property
    def duplicates(self) -> frozenset[str]:
        """The ids that came more than once."""

    @property
    def delta_link(self) -> str | None:
        """The link for later changes, at the end of a delta query."""


class GraphReader(Protocol):
    """The methods of `GraphClient` that reads use. Each raises `SourceError`."""

    def require(self, needed: Collection[Permission]) -> None:
        """Check that the token grants permissions."""

    def find(self, path: str) -> Row | None:
        """Read one object; None if there is none."""

    def count(self, path: str) -> int:
        """Read a number."""

    def read_list(self, path: str, convert: Callable[[Row], T], *, progress: Callable[[int], None] = ...) -> Listed[T]:
        """Read all pages of a list. `convert` is called again for rows of a list that is read again."""

    def list_extension_properties(self) -> Collection[Row]:
        """Read the directory extensions of the tenant."""


class ChangedDuringReadError(SourceError):
    """Two answers contradict each other, as if the directory changed between them. A second read may be consistent."""


def list_rows(
    reader: GraphReader,
    path: str,
    convert: Callable[[Row], T],
    progress: Callable[[int], None] = lambda _rows: None,
) -> Collection[T]:
    """Read a list in which each object is once. Raises `ChangedDuringReadError` otherwise: another may be missing."""
    found = reader.read_list(path, convert, progress=progress)
    if found.duplicates:
        name = path.partition("?")[0]
        raise ChangedDuringReadError(f"the list {name} has an object twice: {min(found.duplicates)}")
    return found.rows


def read_object_id(row: Row, what: str, key: str = "id") -> str:
    """Return the id of a row, folded. Raises `GraphError` if it is no id of Entra: everything rests on it."""
    value = row.get(key)
    if not isinstance(value, str) or not is_object_id(value):
        raise GraphError(f"Microsoft Graph lists {what} without a usable {key}: {quote(shorten(str(value), 80))}")
    return value.casefold()


def is_object_id(text: str) -> bool:
    """Return whether `text` is a UUID, as all ids of objects in Entra are."""
    return _OBJECT_ID.fullmatch(text) is not None


def build_path(path: str, **options: str) -> str:
    """Return a path with query options, whose values are encoded: `select="id"` becomes `?$select=id`."""
    return f"{path}?{'&'.join(f'${name}={value}' for name, value in options.items())}"


def check_count(what: str, listed: int, before: int, after: int, *, explained: int = 0) -> None:
    """Check that a list is as long as Graph counts before and after it.

    The index behind counts lags minutes behind. So a list that is longer is believed: it has what the index lacks yet.
    A shorter one may be cut off. `explained`: how many objects are known to have gone in the last hour.

    Raises `ChangedDuringReadError`.
    """
    missing = min(before, after) - listed
    if missing > explained:
        raise ChangedDuringReadError(
            f"Microsoft Graph counts {min(before, after):,} {what}, but lists {listed:,}",
            "Counts can lag some minutes behind changes: run the same command again later. Nothing was written.",
        )
