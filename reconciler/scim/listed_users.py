"""The users of a list as its pages come, with the checks that hold however the service pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from reconciler.core.identity import parse_identity
from reconciler.core.model import Resource
from reconciler.core.text import pluralize, quote, shorten

T = TypeVar("T")

MAX_USERS = 16_000_000
"""Of one service: as many as `ListedTable` and `NameIndex` can tell apart."""
NO_TOTAL = "the service lists users without saying how many there are (totalResults)"
TOO_LARGE = frozenset({400, 413, 414, 422, 500})
"""Statuses with which services refuse a count."""
_SMALLER = (100, 50, 25, 10)
Progress = Callable[[int, int], None]
"""Users read so far, users in total; 0: not known."""


@dataclass(frozen=True, slots=True)
class Page:
    """One ListResponse: `resources` have been checked to be JSON objects."""

    total: int | None
    """totalResults; None: a service that pages by cursor may leave it out (RFC 9865 §2)."""
    resources: list[dict[str, Any]]
    next_cursor: str | None = None
    """The cursor of the next page (RFC 9865 §2); None: there is none."""
    cursor_problem: str = ""
    """Why the next page cannot be requested, although there is a cursor."""
    seconds: float | None = None
    """How long the service took for it; None: not known, or it had to be requested again."""
    users: list[tuple[str, Any]] | None = None
    """The users with their ids, already converted: there are no `resources` then. None: they are not."""

    @property
    def size(self) -> int:
        """How many users it has."""
        return len(self.resources if self.users is None else self.users)

    @property
    def has_cursor(self) -> bool:
        """Whether there is a cursor, usable or not."""
        return bool(self.next_cursor or self.cursor_problem)


ConvertPage = Callable[[bytes], Page | None]
"""Returns the page in the body of an answer, with its users converted; None if that is to be done by who calls it."""


@dataclass(frozen=True, slots=True)
class ReadPage(Generic[T]):
    """A page whose users were read, with their ids; nothing else of it is kept. `name`: for messages."""

    name: str
    total: int | None
    users: list[tuple[str, T]]
    large: bool = False
    """Whether it was requested with a larger count than the first page."""


class ListChangedError(Exception):
    """The list changed while it was read, or looks as if it had: worth reading again."""


class TotalChangedError(ListChangedError):
    """The total changed: users were created or deleted meanwhile."""


class NotAdvancingError(ListChangedError):
    """A page of the list brings nothing new."""


class ContradictionError(Exception):
    """The service contradicts itself in a way that reading again does not fix."""


class Settling(Protocol[T]):
    """Keeps less of the users of a list while it is read."""

    def settle(self, identity: str, user: T, /) -> T:
        """Return what is kept of a user, whose id is in the list once."""

    def open_table(self) -> MutableMapping[str, T]:
        """Forget all users: the list is read from its start. Return an empty table, in which they may be replaced."""


class ListedUsers(Generic[T]):
    """The users of one list, by id. `read_page` may be called from several threads."""

    def __init__(
        self, convert: Callable[[Resource], T], progress: Progress, settling: Settling[T] | None = None
    ) -> None:
        self._convert = convert
        self._progress = progress
        self._settling = settling
        self._lock = threading.Lock()  # guards the number of users that came
        self._came = 0
        self.users: MutableMapping[str, T] = {}
        self.large: range | None = None
        """The places of the first to the last user that a large page brought; None: there was none."""

    def restart(self) -> None:
        """Forget all users."""
        self.users = {} if self._settling is None else self._settling.open_table()
        self.large = None
        self._came = 0

    def check_first(self, page: Page) -> None:
        """Check what the first page says. Raises `ContradictionError`."""
        size, total = len(page.resources), page.total
        if total is None:
            return
        has = f"the service says it has {pluralize(total, 'user')}"
        if total > MAX_USERS:
            raise ContradictionError(f"{has}, more than the {MAX_USERS:,} that can be read")
        if size > total:
            raise ContradictionError(f"{has}, but lists {size:,}")
        if size == 0 and total > 0 and not page.has_cursor:
            raise ContradictionError(f"{has}, but lists none")

    def read_page(self, name: str, page: Page, total: int | None, *, large: bool = False) -> ReadPage[T]:
        """Read the users of a page; `total`: of the list, None if it is not known. `large`: as in `ReadPage`."""
        users = page.users
        if users is None:
            users = [(identify(resource), self._convert(resource)) for resource in page.resources]
        with self._lock:
            self._came += len(users)
            self._progress(self._came if total is None else min(self._came, total), total or 0)
        return ReadPage(name, page.total, users, large)

    def add(self, page: ReadPage[T], total: int | None, why_none_new: str = "") -> None:
        """Add the users of a page. Raises `ListChangedError` if it does not fit to the pages before it."""
        if None not in (page.total, total) and page.total != total:
            raise TotalChangedError(f"the total changed from {total:,} to {page.total:,} while the users were read")
        repeated, before = 0, len(self.users)
        for identity, user in page.users:
            if identity in self.users:
                repeated += 1
            else:
                self.users[identity] = user if self._settling is None else self._settling.settle(identity, user)
        if page.large:
            self.large = range(before if self.large is None else self.large.start, len(self.users))
        if repeated and repeated == len(page.users):
            raise NotAdvancingError(f"{page.name} repeats users only{why_none_new}")
        if repeated:
            raise ListChangedError(f"the service lists {pluralize(repeated, 'user')} twice")
        if len(self.users) > MAX_USERS:
            raise ContradictionError(f"the service lists more than the {MAX_USERS:,} users that can be read")

    def check_end(self, total: int) -> None:
        """Check that as many users came as the service says it has. Raises `ListChangedError`."""
        if len(self.users) != total:
            raise ListChangedError(f"the service says it has {pluralize(total, 'user')}, but lists {len(self.users):,}")

    def check_beyond(self, page: Page, total: int) -> None:
        """Check that the total is not capped, by a page past the end: it has no users, or known ones again."""
        if page.total not in (None, total):
            raise TotalChangedError(f"the total changed from {total:,} to {page.total:,} while the users were read")
        ids = map(identify, page.resources) if page.users is None else (identity for identity, _ in page.users)
        if any(identity not in self.users for identity in ids):
            raise ContradictionError(f"the service says it has {pluralize(total, 'user')}, but lists more")


def list_counts(page_size: int) -> tuple[int, ...]:
    """Return the counts to request a first page with, each smaller than the one before it that was refused."""
    return (page_size, *(size for size in _SMALLER if size < page_size))


def identify(resource: Resource) -> str:
    """Return the id of a user. Raises `ContradictionError` if it has none, or one that cannot be part of a URL."""
    identity = parse_identity(resource.get("id"))
    if identity is not None:
        return identity
    if resource.get("id") in (None, ""):
        raise ContradictionError("the service lists a user without an id")
    shown = quote(shorten(str(resource["id"]), 80))
    raise ContradictionError(f"the service lists a user with the id {shown}, which cannot be part of a URL")
