from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ScimError, TargetError
from reconciler.scim import cursor_paging
from reconciler.scim.cursor_paging import LONGEST_CURSOR, Pagination, parse_next_cursor, parse_pagination
from reconciler.scim.listed_users import Page
from reconciler.scim.paging import Cursors, ListRead, read_all

EXPIRED = ScimError(400, "expiredCursor", "the service refused it (400)")


def users(start: int, end: int) -> list[dict[str, Any]]:
    return [{"id": f"u{number}", "n": number} for number in range(start, end)]


class Listing:
    """A service with `count` users that pages by cursor: `c10` leads to the user 10.

    `odd`: (cursor, page) -> another page, or an exception to raise; `by_index`: (start) -> page, by default the first.
    """

    def __init__(
        self,
        count: int,
        size: int = 10,
        *,
        says: Pagination | None = None,
        odd: Callable[[str | None, Page], Page | Exception] = lambda _cursor, page: page,
        by_index: Callable[[int, Page], Page | Exception] = lambda _start, first: first,
    ) -> None:
        self.count = count
        self.size = size
        self.says = says or Pagination()
        self.odd = odd
        self.by_index = by_index
        self.requests: list[str | int | None] = []

    def fetch(self, start: int, count: int) -> Page:
        self.requests.append(start)
        return _answer(self.by_index(start, self._page(0, count)))

    def fetch_by_cursor(self, cursor: str | None, count: int) -> Page:
        self.requests.append(cursor)
        return _answer(self.odd(cursor, self._page(int((cursor or "c0")[1:]), count)))

    def _page(self, start: int, count: int) -> Page:
        end = min(start + min(count, self.size), self.count)
        return Page(self.count, users(start, end), f"c{end}" if end < self.count else None)

    def pagination(self) -> Pagination:
        self.requests.append("config")
        return self.says

    def read(self, page_size: int = 100) -> ListRead[int]:
        return read_all(
            self.fetch,
            lambda found: int(found["n"]),
            page_size=page_size,
            workers=1,
            progress=lambda *_: None,
            cursors=Cursors(self.fetch_by_cursor, self.pagination),
        )


def _answer(page: Page | Exception) -> Page:
    if isinstance(page, Exception):
        raise page
    return page


CURSORS_ONLY = Pagination(cursor=True, index=False)


@given(st.integers(0, 60), st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_all_users_are_read_for_any_size(count: int, size: int, page_size: int, announced: bool) -> None:
    service = Listing(count, size, says=CURSORS_ONLY if announced else None)
    read = service.read(page_size)
    assert list(read.users.values()) == list(range(count))
    assert (read.problem, read.end_unproven) == (None, False)
    assert read.by_cursor is (count > min(size, page_size))


def test_a_list_that_fits_on_one_page_is_read_by_index() -> None:
    service = Listing(10)
    assert not service.read().by_cursor
    assert service.requests == [1, 11]


def test_what_the_service_says_saves_a_request() -> None:
    told, learned = Listing(25, says=CURSORS_ONLY), Listing(25)
    assert (told.read().problem, learned.read().problem) == (None, None)
    assert told.requests == [1, "config", "", "c10", "c20"]
    assert (learned.requests[:3], learned.requests[-3:]) == ([1, "config", 11], ["", "c10", "c20"])


def test_a_service_that_pages_by_index_too_is_read_by_index() -> None:
    def by_index(start: int, _first: Page) -> Page:
        return Page(25, users(start - 1, min(start + 9, 25)), "c10")

    for says in (Pagination(), Pagination(cursor=True, index=True)):
        service = Listing(25, says=says, by_index=by_index)
        read = service.read()
        assert (len(read.users), read.problem, read.by_cursor) == (25, None, False)
        assert service.requests == [1, "config", 11, 21, 26]


@pytest.mark.parametrize(
    "later",
    [
        lambda first: first,
        lambda _first: Page(25, []),
        lambda _first: ScimError(400, "", "no startIndex"),
        lambda _first: ScimError(501, "", "no startIndex"),
    ],
    ids=["repeats", "empty", "400", "501"],
)
def test_cursors_are_followed_if_the_index_does_not_advance(later: Callable[[Page], Page | Exception]) -> None:
    service = Listing(25, by_index=lambda start, first: first if start == 1 else later(first))
    read = service.read()
    assert (len(read.users), read.problem, read.by_cursor) == (25, None, True)


def test_no_page_is_still_read_by_index_when_the_first_one_is_read_by_cursor() -> None:
    reading, late = [0], [False]

    def slow(start: int, first: Page) -> Page:
        if start > 1:
            reading[0] += 1
            time.sleep(0.05 if start > 11 else 0)
            reading[0] -= 1
        return first

    def look(_cursor: str | None, page: Page) -> Page:
        late[0] = late[0] or reading[0] > 0
        return page

    service = Listing(95, by_index=slow, odd=look)
    read = read_all(
        service.fetch,
        dict,
        page_size=10,
        workers=4,
        progress=lambda *_: None,
        cursors=Cursors(service.fetch_by_cursor, service.pagination),
    )
    assert (len(read.users), read.by_cursor, late) == (95, True, [False])


def test_a_page_that_fails_is_no_reason_to_use_cursors() -> None:
    failed = ScimError(503, "", "out of order")
    service = Listing(25, by_index=lambda start, first: first if start == 1 else failed)
    read = service.read()
    assert (read.problem, read.by_cursor) == ("a page failed: out of order", False)


@pytest.mark.parametrize(("says", "followed"), [(Pagination(), False), (Pagination(cursor=True), True)])
def test_a_service_without_a_cursor_in_its_answers_is_asked_whether_it_has_them(
    says: Pagination, followed: bool
) -> None:
    service = Listing(25, says=says, by_index=lambda _start, first: Page(25, first.resources))
    read = service.read()
    assert read.by_cursor is followed
    assert (read.problem is None) is followed


@pytest.mark.parametrize("status", [400, 501])
def test_a_service_that_refuses_start_index_is_read_by_cursor(status: int) -> None:
    service = Listing(25, by_index=lambda _start, _first: ScimError(status, "", "no startIndex"))
    assert len(service.read().users) == 25


def test_if_cursors_are_refused_too_the_first_refusal_is_the_error() -> None:
    service = Listing(
        25,
        by_index=lambda _start, _first: ScimError(501, "", "no lists"),
        odd=lambda _cursor, _page: ScimError(400, "", "no cursors"),
    )
    with pytest.raises(TargetError, match=r"^the users cannot be listed: no lists$"):
        service.read(10)
    assert service.requests == [1, "config", "", None]


def test_once_cursors_have_worked_their_failure_is_the_error() -> None:
    came = []

    def fail_later(cursor: str | None, page: Page) -> Page | Exception:
        came.append(cursor)
        if cursor == "c10":
            return EXPIRED
        return page if came.count("") == 1 else ScimError(503, "", "out of order")

    service = Listing(25, by_index=lambda _start, _first: ScimError(501, "", "no lists"), odd=fail_later)
    assert service.read().problem == "a page failed: out of order"


def test_a_service_that_says_that_it_has_no_cursors_is_not_asked_for_them() -> None:
    refuse = ScimError(501, "", "no lists")
    service = Listing(25, says=Pagination(cursor=False), by_index=lambda _start, _first: refuse)
    with pytest.raises(TargetError):
        service.read()
    assert service.requests == [1, "config"]


def test_a_cursor_on_a_page_with_all_announced_users_is_followed() -> None:
    """A service whose total is the size of the page, and that ignores startIndex, looks complete."""
    service = Listing(25, odd=lambda _cursor, page: Page(10, page.resources, page.next_cursor))
    service.by_index = lambda _start, first: Page(10, first.resources, first.next_cursor)
    assert service.read().problem == "the service says it has 10 users, but lists more"


# --- the first page ----------------------------------------------------------------------------


def test_an_empty_cursor_that_is_refused_is_left_out() -> None:
    service = Listing(25, says=CURSORS_ONLY, odd=lambda cursor, page: EXPIRED if cursor == "" else page)
    assert len(service.read().users) == 25
    assert service.requests[2:] == ["", None, "c10", "c20"]


def test_a_count_that_is_refused_is_made_smaller() -> None:
    def refuse(_cursor: str | None, page: Page) -> Page | Exception:
        return ScimError(400, "invalidCount", "too many") if len(page.resources) > 10 else page

    service = Listing(25, 50, says=CURSORS_ONLY, odd=refuse, by_index=lambda _s, _f: Page(25, users(0, 10), "c10"))
    assert (len(service.read().users), service.requests[2:]) == (25, ["", None, "", "", "", "c10", "c20"])


# --- cursors that lead nowhere -----------------------------------------------------------------


def lead(leads: dict[str | None, str | None]) -> Callable[[str | None, Page], Page]:
    return lambda cursor, page: Page(page.total, page.resources, leads.get(cursor, page.next_cursor))


ENDLESS: dict[str, tuple[Callable[[str | None, Page], Page], str]] = {
    "to itself": (lead({"c10": "c10"}), 'the list does not end: the service repeats the cursor "c10"'),
    "to an earlier page": (lead({"c10": "c0"}), 'the page at cursor "c0" repeats users only (3 attempts)'),
    "to its own page by another name": (
        lead({"c10": "c010"}),
        'the page at cursor "c010" repeats users only (3 attempts)',
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_loop_ends(name: str) -> None:
    odd, problem = ENDLESS[name]
    service = Listing(25, says=CURSORS_ONLY, odd=odd)
    read = service.read()
    assert read.problem == problem
    assert len(service.requests) < 20


def test_empty_pages_are_followed_but_not_for_ever() -> None:
    def empty(times: int) -> Callable[[str | None, Page], Page]:
        came = [0]

        def answer(cursor: str | None, page: Page) -> Page:
            if cursor and came[0] < times:
                came[0] += 1
                return Page(page.total, [], f"c{'0' * came[0]}10")
            return page

        return answer

    most = cursor_paging.MAX_EMPTY_PAGES
    assert Listing(25, says=CURSORS_ONLY, odd=empty(most)).read().problem is None
    problem = Listing(25, says=CURSORS_ONLY, odd=empty(most + 1)).read().problem
    assert problem is not None
    assert problem.startswith("the list does not end: the page at cursor ")
    assert problem.endswith(f" follows {most + 1} pages without users")


@pytest.mark.parametrize("past", [Page(25, []), Page(25, users(20, 25)), Page(None, []), Page(25, [], "c99")])
def test_a_cursor_on_the_last_page_is_followed_once(past: Page) -> None:
    def answer(cursor: str | None, page: Page) -> Page:
        return past if cursor == "c25" else Page(25, page.resources, page.next_cursor or "c25")

    service = Listing(25, says=CURSORS_ONLY, odd=answer)
    read = service.read()
    assert (read.problem, read.end_unproven, len(read.users)) == (None, False, 25)
    assert service.requests[2:] == ["", "c10", "c20", "c25"]


def test_a_refused_cursor_of_the_last_page_leaves_the_end_unproven() -> None:
    def answer(cursor: str | None, page: Page) -> Page | Exception:
        return EXPIRED if cursor == "c25" else Page(25, page.resources, page.next_cursor or "c25")

    read = Listing(25, says=CURSORS_ONLY, odd=answer).read()
    assert (read.problem, read.end_unproven) == (None, True)


# --- cursors that are refused ------------------------------------------------------------------


class Expiring:
    """A cursor expires `times` times."""

    def __init__(self, times: int, error: ScimError = EXPIRED) -> None:
        self._left = times
        self._error = error

    def __call__(self, cursor: str | None, page: Page) -> Page | Exception:
        if cursor == "c10" and self._left:
            self._left -= 1
            return self._error
        return page


@pytest.mark.parametrize(
    "error", [EXPIRED, ScimError(400, "invalidCursor", ""), ScimError(404, "", ""), ScimError(410, "", "")]
)
def test_a_refused_cursor_restarts_the_read(error: ScimError) -> None:
    read = Listing(25, says=CURSORS_ONLY, odd=Expiring(2, error)).read()
    assert (read.problem, len(read.users)) == (None, 25)


@pytest.mark.parametrize(
    ("timeout", "error", "why"),
    [
        (None, EXPIRED, "400 expiredCursor"),
        (600, EXPIRED, "400 expiredCursor; it says that cursors are valid for 600 seconds"),
        (None, ScimError(410, "", ""), "410"),
    ],
)
def test_a_cursor_that_is_always_refused_is_named(timeout: int | None, error: ScimError, why: str) -> None:
    says = Pagination(cursor=True, index=False, cursor_timeout=timeout)
    service = Listing(25, says=says, odd=Expiring(99, error))
    assert service.read().problem == f'the service does not accept its own cursor "c10" ({why}) (3 attempts)'
    assert service.requests.count("c10") == 3


def test_a_page_that_fails_otherwise_is_not_read_again() -> None:
    service = Listing(25, says=CURSORS_ONLY, odd=Expiring(1, ScimError(503, "", "out of order")))
    assert service.read().problem == "a page failed: out of order"


def test_a_total_may_be_missing_and_then_the_end_is_unproven() -> None:
    def without(_number: object, page: Page) -> Page:
        return Page(None, page.resources, page.next_cursor)

    read = Listing(25, odd=without, by_index=without).read()
    assert (read.problem, read.end_unproven, len(read.users)) == (None, True, 25)


def test_a_total_that_comes_later_counts() -> None:
    def later(cursor: str | None, page: Page) -> Page:
        return Page(26 if cursor == "c20" else None, page.resources, page.next_cursor)

    read = Listing(25, odd=later, says=CURSORS_ONLY).read()
    assert read.problem == "the service says it has 26 users, but lists 25 (3 attempts)"


# --- what a service says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cursor", "problem"),
    [
        (None, None, ""),
        ("", None, ""),
        (" ", " ", ""),
        ("a b+/=%", "a b+/=%", ""),
        ("\u0000\u202eé", "\u0000\u202eé", ""),
        (0, "0", ""),
        (7, "7", ""),
        ("x" * LONGEST_CURSOR, "x" * LONGEST_CURSOR, ""),
        (True, None, "the service's nextCursor is not a string"),
        (1.5, None, "the service's nextCursor is not a string"),
        (["a"], None, "the service's nextCursor is not a string"),
        ({"a": 1}, None, "the service's nextCursor is not a string"),
    ],
)
def test_a_cursor_is_any_text(value: object, cursor: str | None, problem: str) -> None:
    assert parse_next_cursor(value) == (cursor, problem)


@pytest.mark.parametrize("cursor", ["x" * (LONGEST_CURSOR + 1), "%" * (LONGEST_CURSOR // 3 + 1), "é" * 5_000_000])
def test_a_cursor_too_long_for_a_url_is_named(cursor: str) -> None:
    found, problem = parse_next_cursor(cursor)
    assert found is None
    assert problem.startswith("the service's nextCursor is too long for a URL: ")
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, Pagination()),
        ({"pagination": None}, Pagination()),
        ({"pagination": []}, Pagination()),
        ({"pagination": {}}, Pagination()),
        ({"pagination": {"cursor": True, "index": False, "cursorTimeout": 600}}, Pagination(True, False, 600)),
        ({"Pagination": {"Cursor": True, "CURSORTIMEOUT": "9"}}, Pagination(cursor=True, cursor_timeout=9)),
        ({"pagination": {"cursor": "true", "index": 1, "cursorTimeout": -1}}, Pagination()),
    ],
)
def test_what_is_unclear_is_unknown(config: dict[str, Any], found: Pagination) -> None:
    assert parse_pagination(config) == found
