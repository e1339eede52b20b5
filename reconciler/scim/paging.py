"""Read all users, completely or not at all.

Services clamp counts, cap totals, ignore startIndex, repeat page 1 past the end, and shift pages while a user is
created. Which ones do shows only in the answers: every id must come exactly once, their number must be the total, the
total must not change, and past the end must be nothing new. A list that is not proven complete is read again, then
reported as incomplete. What a total claims is never allocated: memory grows with the users that came.

Pages are requested by startIndex, several at once (`scim.pages_at_once`), and larger ones than the first where the
service proves that it serves them (`scim.larger_pages`). A list that does not come whole that way is read in pages of
the first one's size, a few at once, and at last one after another. If startIndex does not work and the service has
cursors (RFC 9865), the list is read by these (`scim.cursor_paging`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

from reconciler.core.model import Resource
from reconciler.errors import ScimError, TargetError
from reconciler.scim import cursor_paging
from reconciler.scim.cursor_paging import CursorReader, Pagination
from reconciler.scim.larger_pages import LargerPages
from reconciler.scim.listed_users import (
    NO_TOTAL,
    TOO_LARGE,
    ContradictionError,
    ListChangedError,
    ListedUsers,
    NotAdvancingError,
    Page,
    Progress,
    ReadPage,
    Settling,
    TotalChangedError,
    list_counts,
)
from reconciler.scim.pages_at_once import PagesAtOnce

T = TypeVar("T")

_ATTEMPTS = 3
_PAGES_WORTH_A_TRIAL = 16
"""Fewer pages after the first one come in two rounds at most."""
_LARGE, _MOST_LARGE = 500, 8
"""Users on a page from which on fewer are read at once: a page of a thousand is 4 MiB in memory while it is read."""
_FEW = 4
"""Pages at once, when more of them may have been why the list did not come whole."""
_NO_SUCH_PAGING = frozenset({400, 501})


@dataclass(frozen=True, slots=True)
class ListRead(Generic[T]):
    """The users read, by id. `problem`: why they may not be all; None if they are."""

    users: MutableMapping[str, T]
    problem: str | None
    end_unproven: bool = False
    """Nothing shows that the total is not capped: the service refused a page past the end, or gives no total."""
    by_cursor: bool = False
    """The service pages by cursor only."""
    large: range | None = None
    """The places of the first to the last user that a large page brought, beyond the first page; None: there was none.
    Only the users of the first page have been compared with those of a large one."""


Fetch = Callable[[int, int], Page]
"""startIndex (1-based), count -> Page; raises `ScimError` when the service refuses the request."""


@dataclass(frozen=True, slots=True)
class Cursors:
    """How to read by cursor."""

    fetch: cursor_paging.Fetch
    pagination: Callable[[], Pagination]
    """What the service says about its paging."""


class _UseCursorsError(Exception):
    """The list is to be read by cursor. Its cause: why it cannot be read by startIndex, if that is an error."""


@dataclass(frozen=True, slots=True)
class _Size:
    """Users on a page: as many as the first one brought, and as a larger one did; equal if there is no larger one."""

    known: int
    large: int

    def count_from(self, start: int, end: int) -> int:
        """Return how many users to ask for from `start` on, in the place of a large page that ends before `end`."""
        return self.known if self.known == self.large else min(self.known, end - start)


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
    fetch: Fetch,
    convert: Callable[[Resource], T],
    *,
    page_size: int,
    workers: int,
    progress: Progress,
    cursors: Cursors | None = None,
    larger: LargerPages | None = None,
    settling: Settling[T] | None = None,
) -> ListRead[T]:
    """Read all users through `convert`, at most `workers` pages at once. `page_size`: users on the first page.

    Raises `TargetError` if the service lists no users at all.
    """
    listed = ListedUsers(convert, progress, settling)
    reader: _IndexReader[T] | CursorReader[T] = _IndexReader(fetch, listed, workers, cursors, larger)
    refusal, problem, attempts = None, "", 0
    while attempts < _ATTEMPTS:
        listed.restart()
        attempts += 1
        try:
            reader.run(page_size)
            return ListRead(listed.users, None, reader.end_unproven, isinstance(reader, CursorReader), listed.large)
        except _UseCursorsError as exc:
            if cursors is None:
                raise
            refusal = exc.__cause__ if isinstance(exc.__cause__, TargetError) else None
            reader, attempts = CursorReader(cursors.fetch, listed, cursors.pagination), 0
        except ListChangedError as exc:
            problem = f"{exc} ({_ATTEMPTS} attempts)"
            if isinstance(reader, _IndexReader) and not isinstance(exc, TotalChangedError):
                reader.be_careful()
        except ContradictionError as exc:
            return ListRead(listed.users, str(exc))
        except ScimError as exc:
            if refusal is not None and isinstance(reader, CursorReader) and not reader.answered:
                raise refusal from exc
            return ListRead(listed.users, _describe_failure(exc))
    return ListRead(listed.users, problem)


def _describe_failure(error: ScimError) -> str:
    return f"a page failed: {error.summary}" + (f". {error.detail.removesuffix('.')}" if error.detail else "")


class _IndexReader(Generic[T]):
    """Reads a list by startIndex into `listed`. `_read_segment` runs in several threads."""

    def __init__(
        self,
        fetch: Fetch,
        listed: ListedUsers[T],
        workers: int,
        cursors: Cursors | None,
        larger: LargerPages | None,
    ) -> None:
        self._fetch = fetch
        self._listed = listed
        self._workers = workers
        self._cursors = cursors
        self._larger = larger
        self.end_unproven = False

    def be_careful(self) -> None:
        """Read in pages of the first one's size and fewer at once from now on: the service may not bear more."""
        self._workers = _FEW if self._workers > _FEW else 1
        self._larger = None

    def run(self, page_size: int) -> None:
        """Read the list once. Raises `_UseCursorsError` if that is to be done by cursor."""
        try:
            count, first = self._first_page(page_size)
        except TargetError as error:
            if self._may_page_by_cursor(error.__cause__):
                raise _UseCursorsError from error
            raise
        total, size = first.total, len(first.resources)
        if self._needs_cursors(first):
            raise _UseCursorsError
        if total is None:
            raise TargetError(NO_TOTAL)
        listed = self._listed
        listed.check_first(first)
        listed.add(listed.read_page("the first page of users", first, total), total)
        if size < total:
            # Not `count`: a service that clamps it answers in pages of its own size.
            # Where the size of the profile was refused, a larger one would be, too.
            self._add_rest(first, total, self._grow(first, total) if count == size == page_size else _Size(size, size))
        listed.check_end(total)
        self._probe_past_the_end(total, min(size, count) or count)

    def _grow(self, first: Page, total: int) -> _Size:
        """Add the users of a larger page, if the service serves one; return how to read those after it."""
        known = len(first.resources)
        if self._larger is not None and total - known > _PAGES_WORTH_A_TRIAL * known:
            page = self._larger.try_first(first)
            if page is not None:
                rest = Page(page.total, page.resources[known:])
                name = f"the page of {len(page.resources)} users"
                self._listed.add(self._listed.read_page(name, rest, total, large=True), total)
                return _Size(known, len(page.resources))
        return _Size(known, known)

    def _needs_cursors(self, first: Page) -> bool:
        """Whether the first page has a cursor that must be followed: one although no users are left, for example."""
        if self._cursors is None:
            return False
        if not first.has_cursor:
            # RFC 9865 §2: only a service that pages by cursor may leave the total out.
            return first.total is None and self._cursors.pagination().cursor is True
        if first.total is None or len(first.resources) >= first.total:
            return True
        return self._cursors.pagination().index is False

    def _first_page(self, page_size: int) -> tuple[int, Page]:
        """Fetch the first page, with a smaller count if a large one is refused; return the count, too."""
        refusal: ScimError | None = None
        for count in list_counts(page_size):
            try:
                return count, self._fetch(1, count)
            except ScimError as exc:
                if exc.status not in TOO_LARGE:
                    raise TargetError(f"the users cannot be listed: {exc.summary}", exc.detail) from exc
                refusal = refusal or exc
        why = refusal.summary if refusal else ""
        next_step = "Check the service, the token and target.base_url."
        raise TargetError(f"the users cannot be listed: {why}", next_step) from refusal

    def _may_page_by_cursor(self, refusal: BaseException | None) -> bool:
        """Whether a service that refused the first page may have cursors."""
        if self._cursors is None or not isinstance(refusal, ScimError) or refusal.status not in _NO_SUCH_PAGING:
            return False
        return self._cursors.pagination().cursor is not False

    def _add_rest(self, first: Page, total: int, size: _Size) -> None:
        """Add the pages after the first. Raises `_UseCursorsError` if there are none by startIndex, but by cursor."""
        workers = self._workers if size.large < _LARGE else min(self._workers, _MOST_LARGE)
        at_once = PagesAtOnce(workers, first)
        try:
            # Around the loop: an error in it waits for the requests in flight.
            with start_readers(workers) as pool:
                for page in self._read_rest(pool, at_once, total, size):
                    self._listed.add(page, total, "; startIndex may be ignored")
        except (NotAdvancingError, ScimError) as exc:
            if isinstance(exc, ScimError) and exc.status not in _NO_SUCH_PAGING:
                raise
            if self._cursors is not None and (first.has_cursor or self._cursors.pagination().cursor):
                raise _UseCursorsError from exc
            raise

    def _read_rest(
        self, pool: ThreadPoolExecutor, at_once: PagesAtOnce, total: int, size: _Size
    ) -> Iterator[ReadPage[T]]:
        """Read the pages after the first, several at once, no more of them in memory than twice as many."""
        starts = iter(range(size.large + 1, total + 1, size.large))
        running: deque[Future[list[ReadPage[T]]]] = deque()
        while True:
            for start in islice(starts, 2 * at_once.limit - len(running)):
                end = min(start + size.large, total + 1)
                running.append(pool.submit(self._read_segment, at_once, start, end, size, total))
            if not running:
                return
            yield from running.popleft().result()

    def _read_segment(self, at_once: PagesAtOnce, start: int, end: int, size: _Size, total: int) -> list[ReadPage[T]]:
        """Read the users from `start` up to `end`, in more than one request if pages come short or no large ones."""
        pages = []
        if self._larger is not None and size.large > size.known:
            page = at_once.fetch(partial(self._larger.read, start, size.large))
            if page is not None:
                pages.append(self._read_page(start, page, total, large=True))
                start += page.size
        while start < end:
            page = at_once.fetch(partial(self._fetch, start, size.count_from(start, end)))
            pages.append(self._read_page(start, page, total))
            start += page.size
        return pages

    def _read_page(self, start: int, page: Page, total: int, *, large: bool = False) -> ReadPage[T]:
        name = f"the page from startIndex {start:,} on"
        if not page.size:
            raise NotAdvancingError(f"{name} is empty, though more users were announced")
        return self._listed.read_page(name, page, total, large=large)

    def _probe_past_the_end(self, total: int, count: int) -> None:
        """Check that the total is not capped, as some services do."""
        try:
            page = self._fetch(total + 1, count)
        except ScimError:
            self.end_unproven = True
            return
        self._listed.check_beyond(page, total)
