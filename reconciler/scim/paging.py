"""Reading all users, completely or not at all.

Services clamp counts, cap totals, ignore startIndex, repeat page 1 past the end, and shift pages while somebody creates
a user. No list of products tells which; the answers do: every id must come exactly once, their number must be the
total, the total must stand still, and past the end must be nothing new. What is not proven is read again, then called
incomplete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reconciler.core.model import Resource
from reconciler.core.text import pluralize
from reconciler.errors import ScimError, TargetError

T = TypeVar("T")

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
    """The users read, by id. `problem` says why they may not be all; None: they are."""

    users: dict[str, T]
    problem: str | None
    end_unproven: bool = False
    """The service refused a page past the end: nothing shows that the total is not capped."""


Fetch = Callable[[int, int], Page]
"""startIndex (1-based), count -> Page; raises `ScimError` when the service refuses the request."""
Progress = Callable[[int, int], None]
"""Users read so far, users in total."""


class _MovedError(Exception):
    """The list changed while it was read, or looks as if it had: worth reading again."""


class _LiesError(Exception):
    """The service contradicts itself in a way that reading again does not mend."""


@contextmanager
def readers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that read. Whoever interrupts does not wait for them: a service may hang."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=READER)
    try:
        yield pool
    except BaseException as fault:
        pool.shutdown(wait=isinstance(fault, Exception), cancel_futures=True)
        raise
    pool.shutdown()


READER = "read"
"""How the names of these threads begin."""


def read_all(
    fetch: Fetch, convert: Callable[[Resource], T], *, page_size: int, workers: int, progress: Progress
) -> ListRead[T]:
    """All users through `convert`, at most `workers` pages at once."""
    problem = ""
    reading = _ListReader(fetch, convert, workers, progress)
    for _ in range(_ATTEMPTS):
        reading.users.clear()
        try:
            reading.run(page_size)
            return ListRead(reading.users, None, reading.end_unproven)
        except _MovedError as fault:
            problem = f"{fault} ({_ATTEMPTS} attempts)"
        except _LiesError as fault:
            problem = str(fault)
            break
        except ScimError as fault:
            problem = f"a page failed: {fault.summary}"
            break
    return ListRead(reading.users, problem)


class _ListReader(Generic[T]):
    def __init__(self, fetch: Fetch, convert: Callable[[Resource], T], workers: int, progress: Progress) -> None:
        self._fetch = fetch
        self._convert = convert
        self._workers = workers
        self._progress = progress
        self.users: dict[str, T] = {}
        self.end_unproven = False

    def run(self, page_size: int) -> None:
        count, first = self._first_page(page_size)
        total, size = first.total, len(first.resources)
        if size > total:
            raise _LiesError(f"the service says it has {pluralize(total, 'user')}, but lists {size:,}")
        if size == 0 and total > 0:
            raise _LiesError(f"the service says it has {pluralize(total, 'user')}, but lists none")
        self._add(first, total, start=1)
        if size < total:
            # Not `count`: a service that clamps it answers in pages of its own size.
            for start, page in self._rest(total, size):
                self._add(page, total, start)
        if len(self.users) != total:
            raise _MovedError(f"the service says it has {pluralize(total, 'user')}, but {len(self.users):,} came")
        self._probe_past_the_end(total, min(size, count) or count)

    def _first_page(self, page_size: int) -> tuple[int, Page]:
        """The first page, with a smaller count when a large one is refused."""
        refusal: ScimError | None = None
        for count in (page_size, *(size for size in _SMALLER if size < page_size)):
            try:
                return count, self._fetch(1, count)
            except ScimError as fault:
                if fault.status not in _TOO_LARGE:
                    raise TargetError(f"the users cannot be listed: {fault.summary}", fault.detail) from fault
                refusal = refusal or fault
        why = refusal.summary if refusal else ""
        raise TargetError(f"the users cannot be listed: {why}", "Check the service, the token and target.base_url.")

    def _rest(self, total: int, size: int) -> Iterator[tuple[int, Page]]:
        """The pages after the first, a few at once, no more of them in memory than are being read."""
        starts = deque(range(size + 1, total + 1, size))
        with readers(self._workers) as pool:
            running: deque[tuple[int, Future[list[Page]]]] = deque()
            while starts or running:
                while starts and len(running) < 2 * self._workers:
                    start = starts.popleft()
                    running.append((start, pool.submit(self._segment, start, min(start + size, total + 1), size)))
                start, future = running.popleft()
                for page in future.result():
                    yield start, page

    def _segment(self, start: int, end: int, size: int) -> list[Page]:
        """The users from `start` up to `end`, in more than one request when a page comes short."""
        pages = []
        while start < end:
            page = self._fetch(start, size)
            if not page.resources:
                raise _MovedError(f"no users came from startIndex {start:,} on, though more were announced")
            pages.append(page)
            start += len(page.resources)
        return pages

    def _add(self, page: Page, total: int, start: int) -> None:
        if page.total != total:
            raise _MovedError(f"the total moved from {total:,} to {page.total:,} while the users were read")
        repeated = 0
        for resource in page.resources:
            identity = _identity(resource)
            if identity in self.users:
                repeated += 1
            else:
                self.users[identity] = self._convert(resource)
        if repeated and repeated == len(page.resources):
            raise _MovedError(f"the page from startIndex {start:,} on holds only users who came before: is it ignored?")
        if repeated:
            raise _MovedError(f"{pluralize(repeated, 'user')} came twice")
        self._progress(len(self.users), total)

    def _probe_past_the_end(self, total: int, count: int) -> None:
        """Whether the total is all there is: some services cap it."""
        try:
            page = self._fetch(total + 1, count)
        except ScimError:
            self.end_unproven = True
            return
        unknown = [resource for resource in page.resources if _identity(resource) not in self.users]
        if not unknown and page.total == total:
            return  # nothing, or known users again
        if page.total != total:
            raise _MovedError(f"the total moved from {total:,} to {page.total:,} while the users were read")
        raise _LiesError(f"the service says it has {pluralize(total, 'user')}, but more come after them")


def _identity(resource: Resource) -> str:
    identity = resource.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        return str(identity)
    # `.` and `..` would make another URL of /Users/{id}.
    if not isinstance(identity, str) or identity in ("", ".", ".."):
        raise _LiesError("the service lists a user without an id")
    return identity
