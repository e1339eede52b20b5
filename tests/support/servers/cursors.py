"""Paging by cursor (RFC 9865) for the fake server, with its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from support.servers.patching import Refused, User, bad

HARD = " +&=%2F/?#;:@\"'\\<>[]{}|^`~!$*(),é\u2028\u0000\u202e\U0001f600"
"""In each cursor: whatever changes its meaning if it is not encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorFaults:
    """How a server pages by cursor (RFC 9865)."""

    page: int = 10
    """Users on a page, at most."""

    index: str = "ignored"
    """What happens to startIndex: it is "ignored", "refused" with 501, "works" with a nextCursor "too", or "works"."""

    announced: bool = False
    """ServiceProviderConfig has `pagination`."""

    only_on_request: bool = False
    """There is a nextCursor only in answers to requests with `cursor`."""

    refuses_empty: bool = False
    """`cursor=` is refused; the first page is requested without it."""

    no_total: bool = False
    """No `totalResults`."""

    number: bool = False
    """Cursors are JSON numbers."""

    no_text: bool = False
    """Cursors are JSON objects."""

    longer: int = 0
    """Cursors are longer by this many characters."""

    loops_at: int = 0
    """The cursor after this user leads to the first page."""

    repeats: bool = False
    """All cursors are the same, and lead to the second page."""

    never_ends: bool = False
    """The last page has a cursor, which leads to an empty page."""

    empty_pages: int = 0
    """1: there is an empty page before each but the first, 2: all but the first are empty, without end."""

    expire: int = 0
    """So many times a cursor has expired."""

    expire_type: str = "expiredCursor"
    """The scimType of these refusals."""


@dataclass
class Cursors:
    """The cursors of one server. `config`: `pagination` of its ServiceProviderConfig; None: there is none."""

    faults: CursorFaults
    given: int = 0
    expired: int = 0
    config: dict[str, Any] | None = field(init=False)

    def __post_init__(self) -> None:
        both = self.faults.index not in {"ignored", "refused"}
        self.config = {"cursor": True, "index": both, "cursorTimeout": 5} if self.faults.announced else None

    def serves(self, query: Mapping[str, str]) -> bool:
        """Whether this request is paged by cursor. Raises `Refused` for what the service does not take."""
        faults = self.faults
        if "cursor" in query:
            if "startIndex" in query:
                raise bad("a search cannot have both a cursor and a startIndex", "invalidValue")
            if not query["cursor"] and faults.refuses_empty:
                raise bad("the cursor is empty", "invalidCursor")
            return True
        if "startIndex" in query and faults.index == "refused":
            raise Refused(HTTPStatus.NOT_IMPLEMENTED, "paging by index is not supported")
        return faults.index != "works"

    def page(
        self, users: Sequence[User], query: Mapping[str, str]
    ) -> tuple[list[User], str | int | dict[str, int] | None]:
        """The users of the page, and the next cursor."""
        faults = self.faults
        cursor = query.get("cursor", "")
        start = self._open(cursor)
        size = min(faults.page, int(query.get("count", "100")))
        if faults.empty_pages and cursor and not cursor.endswith("full"):
            return [], f"{start}{HARD}{self._count()}full" if faults.empty_pages == 1 else self._seal(start)
        end = start + size
        shown = list(users[start:end])
        if faults.loops_at and end > faults.loops_at:
            return shown, self._seal(0)
        if faults.repeats:
            return shown, self._seal(size) if end < len(users) else None
        if end < len(users) or (faults.never_ends and shown):
            return shown, self._wrap(self._seal(end))
        return shown, None

    def hides(self, query: Mapping[str, str]) -> bool:
        """Whether an answer that is paged by startIndex has no nextCursor."""
        return self.faults.index == "works" or (self.faults.only_on_request and "cursor" not in query)

    def _count(self) -> str:
        self.given += 1
        return f"#{self.given}"

    def _seal(self, start: int) -> str:
        return f"{start}{HARD}" + (self._count() if self.faults.empty_pages else "")

    def _wrap(self, cursor: str) -> str | int | dict[str, int]:
        faults = self.faults
        if faults.number:
            return int(cursor.partition(" ")[0])
        return {"position": 1} if faults.no_text else cursor + "x" * faults.longer

    def _open(self, cursor: str) -> int:
        if not cursor:
            return 0
        position = cursor if self.faults.number else cursor.partition(" ")[0]
        if not position.isdecimal() or not (self.faults.number or HARD in cursor):
            raise bad(f"unknown cursor: {cursor}", "invalidCursor")
        if self.expired < self.faults.expire:
            self.expired += 1
            raise bad("the cursor has expired", self.faults.expire_type)
        return int(position)
