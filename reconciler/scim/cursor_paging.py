"""Read all users page after page, by the cursor that each answer has for the next one (RFC 9865).

A cursor is opaque: any text, sent back as it came. Pages are read one after another, and a page may have fewer users
than asked for, or none. The last page is the one without a cursor. What proves a list complete is the same as by index:
every id once, as many as the total, and nothing new past the end. A service may leave the total out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from reconciler.core.untrusted_values import parse_count
from reconciler.errors import ScimError
from reconciler.scim.listed_users import (
    TOO_LARGE,
    ContradictionError,
    ListChangedError,
    ListedUsers,
    Page,
    list_counts,
)
from reconciler.scim.request_names import name_cursor

T = TypeVar("T")

LONGEST_CURSOR = 16_384
"""Characters in a URL, percent-encoded."""
MAX_EMPTY_PAGES = 100
"""In a row, each with a cursor for the next one."""
_REFUSED_CURSOR = frozenset({400, 404, 410})


@dataclass(frozen=True, slots=True)
class Pagination:
    """What a ServiceProviderConfig says about paging (RFC 9865 §4). None: it does not say."""

    cursor: bool | None = None
    index: bool | None = None
    cursor_timeout: int | None = None
    """Seconds that a cursor is valid."""


Fetch = Callable[[str | None, int], Page]
"""cursor ("" and None: of the first page, None: without a parameter), count -> Page; raises `ScimError` if refused."""


def parse_pagination(config: dict[str, Any]) -> Pagination:
    """Parse the attribute `pagination` of a ServiceProviderConfig, its keys in any case; what is unclear is unknown."""
    found = next((value for key, value in config.items() if key.casefold() == "pagination"), None)
    if not isinstance(found, dict):
        return Pagination()
    keys = {key.casefold(): value for key, value in found.items()}
    cursor, index = (value if isinstance(value, bool) else None for value in (keys.get("cursor"), keys.get("index")))
    return Pagination(cursor, index, parse_count(keys.get("cursortimeout")))


def parse_next_cursor(value: object) -> tuple[str | None, str]:
    """Parse nextCursor into the cursor and why it cannot be sent back, ""; null and "" are no cursor."""
    if value is None or value == "":
        return None, ""
    cursor = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(cursor, str):
        return None, "the service's nextCursor is not a string"
    # Each character is one in a URL at least.
    if len(cursor) > LONGEST_CURSOR or len(quote(cursor, safe="")) > LONGEST_CURSOR:
        return None, f"the service's nextCursor is too long for a URL: {name_cursor(cursor)}"
    return cursor, ""


class CursorReader(Generic[T]):
    """Reads a list by cursor into `listed`. `pagination`: what the service says about it."""

    def __init__(self, fetch: Fetch, listed: ListedUsers[T], pagination: Callable[[], Pagination]) -> None:
        self._fetch = fetch
        self._listed = listed
        self._pagination = pagination
        self.end_unproven = False
        self.answered = False
        """A first page by cursor came."""

    def run(self, page_size: int) -> None:
        """Read the list once. Raises `ListChangedError`, `ContradictionError` and `ScimError`."""
        count, page = self._first_page(page_size)
        self.answered = True
        listed, total = self._listed, page.total
        listed.check_first(page)
        seen, empty, name = _Seen(), 0, "the first page of users"
        while True:
            total = page.total if total is None else total
            listed.add(listed.read_page(name, page, total), total)
            if page.cursor_problem:
                raise ContradictionError(page.cursor_problem)
            cursor = page.next_cursor
            if cursor is None:
                break
            if total is not None and len(listed.users) == total:
                self._probe_past_the_end(cursor, count, total)
                return
            name = f"the page at cursor {name_cursor(cursor)}"
            empty = 0 if page.resources else empty + 1
            if empty > MAX_EMPTY_PAGES:
                raise ContradictionError(f"the list does not end: {name} follows {empty} pages without users")
            if not seen.is_new(cursor):
                raise ContradictionError(f"the list does not end: the service repeats the cursor {name_cursor(cursor)}")
            page = self._next_page(cursor, count)
        if total is not None:
            listed.check_end(total)
        self.end_unproven = total is None

    def _first_page(self, page_size: int) -> tuple[int, Page]:
        """Fetch the first page, with a smaller count if a large one is refused; return the count, too."""
        refusal: ScimError | None = None
        for cursor, count in _first_requests(page_size):
            try:
                return count, self._fetch(cursor, count)
            except ScimError as exc:
                if exc.status not in TOO_LARGE:
                    raise
                refusal = refusal or exc
        raise refusal or AssertionError("there is a first request")

    def _next_page(self, cursor: str, count: int) -> Page:
        try:
            return self._fetch(cursor, count)
        except ScimError as exc:
            if exc.status not in _REFUSED_CURSOR:
                raise
            raise ListChangedError(self._explain_refused_cursor(cursor, exc)) from exc

    def _explain_refused_cursor(self, cursor: str, exc: ScimError) -> str:
        kind = f" {exc.scim_type}" if exc.scim_type else ""
        timeout = self._pagination().cursor_timeout
        says = f"; it says that cursors are valid for {timeout:,} seconds" if timeout is not None else ""
        return f"the service does not accept its own cursor {name_cursor(cursor)} ({exc.status}{kind}{says})"

    def _probe_past_the_end(self, cursor: str, count: int, total: int) -> None:
        """Follow the cursor of a page after which no user is left: the total may be capped."""
        try:
            page = self._fetch(cursor, count)
        except ScimError:
            self.end_unproven = True
            return
        self._listed.check_beyond(page, total)


def _first_requests(page_size: int) -> Iterator[tuple[str | None, int]]:
    """Yield cursor and count of first requests to try, in order: an empty cursor, or none (RFC 9865 §2)."""
    for count in list_counts(page_size):
        yield "", count
        if count == page_size:
            yield None, count


class _Seen:
    """The cursors that were followed, 16 bytes for each."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def is_new(self, cursor: str) -> bool:
        """Whether the cursor was not seen before."""
        digest = blake2b(cursor.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        new = digest not in self._digests
        self._digests.add(digest)
        return new
