"""Read all users, completely or not at all.

Services clamp counts, cap totals, ignore startIndex, repeat page 1 past the end, and shift pages while a user is
created. Which ones do shows only in the answers: every id must come exactly once, their number must be the total, the
total must not change, and past the end must be nothing new. A list that is not proven complete is read again, then
reported as incomplete. What a total claims is never allocated: memory grows with the users that came.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from reconciler.core.identity import parse_identity
from reconciler.core.model import Resource
from reconciler.core.text import pluralize, quote, shorten
from reconciler.errors import ScimError, TargetError

T = TypeVar("T")

MAX_USERS = 2_000_000
"""Of one service. Each is held in memory, with some 2 KiB."""
_ATTEMPTS = 3
_SMALLER = (100, 50, 25, 10)
_TOO_LARGE = frozenset({400, 413, 414, 422, 500})


@dataclass(frozen=True, slots=True)
class Page:
    """One ListResponse: `total` is totalResults, `resources` have been checked to be JSON objects."""

    total: int
    resources: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ListRead(Generic[T]):
    """The users read, by id. `problem`: why they may not be all; None if they are."""

    users: dict[str, T]
    problem: str | None
    end_unproven: bool = False
    """The service refused a page past the end: nothing shows that the total is not capped."""


Fetch = Callable[[int, int], Page]
"""startIndex (1-based), count -> Page; raises `ScimError` when the service refuses the request."""
Progress = Callable[[int, int], None]
"""Users read so far, users in total."""


class _ListChangedError(Exception):
    """The list changed while it was read, or looks as if it had: worth reading again."""


class _ContradictionError(Exception):
    """The service contradicts itself in a way that reading again does not fix."""


@contextmanager
def start_readers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Start threads that read. An interrupt does not wait for them: a service may hang."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=READER)
    try:
        yield pool
    except BaseException as exc:
        pool.shutdown(wait=isinstance(exc, Exception), cancel_futures=True)
        raise
    pool.shutdown()


READER = "read"
"""The prefix of the names of these threads."""


def read_all(
    fetch: Fetch, convert: Callable[[Resource], T], *, page_size: int, workers: int, progress: Progress
) -> ListRead[T]:
    """Read all users through `convert`, at most `workers` pages at once. `page_size`: users per page.

    Raises `TargetError` if the service lists no users at all.
    """
    problem = ""
    reading = _ListReader(fetch, convert, workers, progress)
    for _ in range(_ATTEMPTS):
        reading.users.clear()
        try:
            reading.run(page_size)
            return ListRead(reading.users, None, reading.end_unproven)
        except _ListChangedError as exc:
            problem = f"{exc} ({_ATTEMPTS} attempts)"
        except _ContradictionError as exc:
            problem = str(exc)
            break
        except ScimError as exc:
            problem = f"a page failed: {exc.summary}" + (f". {exc.detail.removesuffix('.')}" if exc.detail else "")
            break
    return ListRead(reading.users, problem)


@dataclass(frozen=True, slots=True)
class _ReadPage(Generic[T]):
    """A page whose users were read, with their ids; nothing else of it is kept. `start`: its startIndex."""

    start: int
    total: int
    users: list[tuple[str, T]]


class _ListReader(Generic[T]):
    """One attempt to read the list. `_read_page` and `_read_segment` run in several threads."""

    def __init__(self, fetch: Fetch, convert: Callable[[Resource], T], workers: int, progress: Progress) -> None:
        self._fetch = fetch
        self._convert = convert
        self._workers = workers
        self._progress = progress
        self._lock = threading.Lock()  # guards the number of users that came
        self._came = 0
        self.users: dict[str, T] = {}
        self.end_unproven = False

    def run(self, page_size: int) -> None:
        count, first = self._first_page(page_size)
        total, size = first.total, len(first.resources)
        if total > MAX_USERS:
            raise _ContradictionError(
                f"the service says it has {pluralize(total, 'user')}, more than the {MAX_USERS:,} that can be read"
            )
        if size > total:
            raise _ContradictionError(f"the service says it has {pluralize(total, 'user')}, but lists {size:,}")
        if size == 0 and total > 0:
            raise _ContradictionError(f"the service says it has {pluralize(total, 'user')}, but lists none")
        self._came = 0
        self._add(self._read_page(1, first, total), total)
        if size < total:
            # Not `count`: a service that clamps it answers in pages of its own size.
            for page in self._read_rest(total, size):
                self._add(page, total)
        if len(self.users) != total:
            raise _ListChangedError(
                f"the service says it has {pluralize(total, 'user')}, but lists {len(self.users):,}"
            )
        self._probe_past_the_end(total, min(size, count) or count)

    def _first_page(self, page_size: int) -> tuple[int, Page]:
        """Fetch the first page, with a smaller count if a large one is refused; return the count, too."""
        refusal: ScimError | None = None
        for count in (page_size, *(size for size in _SMALLER if size < page_size)):
            try:
                return count, self._fetch(1, count)
            except ScimError as exc:
                if exc.status not in _TOO_LARGE:
                    raise TargetError(f"the users cannot be listed: {exc.summary}", exc.detail) from exc
                refusal = refusal or exc
        why = refusal.summary if refusal else ""
        raise TargetError(f"the users cannot be listed: {why}", "Check the service, the token and target.base_url.")

    def _read_rest(self, total: int, size: int) -> Iterator[_ReadPage[T]]:
        """Read the pages after the first, a few at once, no more of them in memory than are being read."""
        starts = iter(range(size + 1, total + 1, size))
        with start_readers(self._workers) as pool:
            running: deque[Future[list[_ReadPage[T]]]] = deque()
            while True:
                for start in islice(starts, 2 * self._workers - len(running)):
                    running.append(pool.submit(self._read_segment, start, min(start + size, total + 1), size, total))
                if not running:
                    return
                yield from running.popleft().result()

    def _read_segment(self, start: int, end: int, size: int, total: int) -> list[_ReadPage[T]]:
        """Read the users from `start` up to `end`, in more than one request if pages come short."""
        pages = []
        while start < end:
            page = self._fetch(start, size)
            if not page.resources:
                raise _ListChangedError(
                    f"the page from startIndex {start:,} on is empty, though more users were announced"
                )
            pages.append(self._read_page(start, page, total))
            start += len(page.resources)
        return pages

    def _read_page(self, start: int, page: Page, total: int) -> _ReadPage[T]:
        users = [(_identity(resource), self._convert(resource)) for resource in page.resources]
        with self._lock:
            self._came += len(users)
            self._progress(min(self._came, total), total)
        return _ReadPage(start, page.total, users)

    def _add(self, page: _ReadPage[T], total: int) -> None:
        if page.total != total:
            raise _ListChangedError(f"the total changed from {total:,} to {page.total:,} while the users were read")
        repeated = 0
        for identity, user in page.users:
            repeated += identity in self.users
            self.users.setdefault(identity, user)
        if repeated and repeated == len(page.users):
            raise _ListChangedError(
                f"the page from startIndex {page.start:,} on repeats users only; startIndex may be ignored"
            )
        if repeated:
            raise _ListChangedError(f"the service lists {pluralize(repeated, 'user')} twice")

    def _probe_past_the_end(self, total: int, count: int) -> None:
        """Check that the total is not capped, as some services do."""
        try:
            page = self._fetch(total + 1, count)
        except ScimError:
            self.end_unproven = True
            return
        unknown = [resource for resource in page.resources if _identity(resource) not in self.users]
        if not unknown and page.total == total:
            return  # no users, or known ones again
        if page.total != total:
            raise _ListChangedError(f"the total changed from {total:,} to {page.total:,} while the users were read")
        raise _ContradictionError(f"the service says it has {pluralize(total, 'user')}, but lists more")


def _identity(resource: Resource) -> str:
    identity = parse_identity(resource.get("id"))
    if identity is not None:
        return identity
    if resource.get("id") in (None, ""):
        raise _ContradictionError("the service lists a user without an id")
    shown = quote(shorten(str(resource["id"]), 80))
    raise _ContradictionError(f"the service lists a user with the id {shown}, which cannot be part of a URL")
