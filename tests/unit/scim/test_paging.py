from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ScimError, TargetError
from reconciler.scim.larger_pages import LargerPages
from reconciler.scim.listed_users import MAX_USERS, Page
from reconciler.scim.paging import READER, ListRead, read_all, start_readers


def user(number: int) -> dict[str, Any]:
    return {"id": f"u{number}", "n": number}


class Listing:
    """A service with `count` users, `cap` of them per page at most. `odd`: (start, count, page) -> another page."""

    def __init__(
        self, count: int, cap: int = 100, odd: Callable[[int, int, Page], Page] = lambda _start, _count, page: page
    ) -> None:
        self.users = [user(number) for number in range(count)]
        self.cap = cap
        self.odd = odd
        self.requests: list[tuple[int, int]] = []

    def fetch(self, start: int, count: int) -> Page:
        self.requests.append((start, count))
        page = Page(len(self.users), self.users[start - 1 : start - 1 + min(count, self.cap)])
        return self.odd(start, count, page)

    def read(self, page_size: int = 100, workers: int = 1) -> ListRead[int]:
        return read_all(
            self.fetch, lambda found: int(found["n"]), page_size=page_size, workers=workers, progress=lambda *_: None
        )


@given(st.integers(0, 60), st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 4]))
def test_all_users_are_read_for_any_size_and_cap(count: int, cap: int, page_size: int, workers: int) -> None:
    read = Listing(count, cap).read(page_size, workers)
    assert list(read.users.values()) == list(range(count))
    assert (read.problem, read.end_unproven) == (None, False)


def test_pages_follow_the_size_that_the_service_returns() -> None:
    service = Listing(25, cap=10)
    service.read(page_size=100)
    assert service.requests == [(1, 100), (11, 10), (21, 10), (26, 10)]


def test_progress_counts_users() -> None:
    seen: list[tuple[int, int]] = []
    service = Listing(25, cap=10)
    read_all(service.fetch, dict, page_size=10, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(10, 25), (20, 25), (25, 25)]


# --- lists that are not complete ---------------------------------------------------------------


def total(number: int) -> Callable[[int, int, Page], Page]:
    return lambda _start, _count, page: Page(number, page.resources)


def repeated(start: int, count: int, page: Page) -> Page:
    return page if start == 1 else Page(page.total, [user(number) for number in range(min(count, 10))])


def gap(start: int, _count: int, page: Page) -> Page:
    return page if start != 11 else Page(page.total, [*page.resources[1:], user(3)])


def without_ids(_start: int, _count: int, page: Page) -> Page:
    return Page(page.total, [found | {"id": "."} for found in page.resources])


@pytest.mark.parametrize(
    ("odd", "problem", "attempts"),
    [
        (total(5), "the service says it has 5 users, but lists 10", 1),
        (total(30), "the page from startIndex 26 on is empty, though more users were announced (3 attempts)", 3),
        (repeated, "the page from startIndex 11 on repeats users only; startIndex may be ignored (3 attempts)", 3),
        (gap, "the service lists 1 user twice (3 attempts)", 3),
        (without_ids, 'the service lists a user with the id ".", which cannot be part of a URL', 1),
        (lambda _s, _c, page: Page(page.total, []), "the service says it has 25 users, but lists none", 1),
    ],
)
def test_a_list_that_contradicts_itself_is_incomplete(
    odd: Callable[[int, int, Page], Page], problem: str, attempts: int
) -> None:
    service = Listing(25, cap=10, odd=odd)
    read = service.read(page_size=10)
    assert read.problem == problem
    assert sum(start == 1 for start, _ in service.requests) == attempts


def test_a_total_that_differs_between_pages_is_reported() -> None:
    service = Listing(25, cap=10, odd=lambda start, _count, page: Page(25 if start == 1 else 24, page.resources))
    problem = "the total changed from 25 to 24 while the users were read (3 attempts)"
    assert service.read(10).problem == problem


def test_a_total_that_differs_past_the_end_only_is_reported() -> None:
    service = Listing(25, cap=10, odd=lambda start, _count, page: Page(24 if start > 25 else 25, page.resources))
    problem = "the total changed from 25 to 24 while the users were read (3 attempts)"
    assert service.read(10).problem == problem


def test_a_capped_total_is_noticed() -> None:
    service = Listing(25, cap=10, odd=total(20))
    assert service.read(10).problem == "the service says it has 20 users, but lists more"


@pytest.mark.parametrize("claim", [MAX_USERS + 1, 50_000_000, 2**31 - 1, 2**63 - 1])
def test_a_total_beyond_what_can_be_read_is_a_problem_at_once(claim: int) -> None:
    service = Listing(25, cap=10, odd=total(claim))
    problem = f"the service says it has {claim:,} users, more than the 16,000,000 that can be read"
    assert service.read(10).problem == problem
    assert service.requests == [(1, 10)]


def test_the_largest_total_is_held_against_what_the_pages_bring() -> None:
    service = Listing(25, cap=1, odd=total(MAX_USERS))
    tracemalloc.start()
    read = service.read(10, workers=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.problem is not None
    assert read.problem.endswith("is empty, though more users were announced (3 attempts)")
    assert len(service.requests) < 3 * 40
    assert peak < 1024 * 1024


def test_of_a_page_only_what_was_read_is_kept() -> None:
    def with_junk(_start: int, _count: int, page: Page) -> Page:
        return Page(page.total, [{**found, "junk": bytearray(100_000)} for found in page.resources])

    service = Listing(1000, cap=10, odd=with_junk)
    first = service.fetch(1, 100)
    # Pages come short, so that the first page's size makes segments of ten requests each.
    service.odd = lambda start, count, page: with_junk(start, count, first if start == 1 else page)
    service.cap = 1
    tracemalloc.start()
    read = service.read(10, workers=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (read.problem, len(read.users)) == (None, 1000)
    assert peak < 15 * 100_000


def test_a_list_that_changes_once_is_read_again() -> None:
    grown = iter([False, True])
    service = Listing(25, cap=10)

    def grow(start: int, _count: int, page: Page) -> Page:
        if start == 11 and next(grown, None) is False:
            service.users.append(user(25))
        return Page(len(service.users), page.resources)

    service.odd = grow
    read = service.read(10)
    assert (read.problem, len(read.users)) == (None, 26)


@pytest.mark.parametrize(("detail", "how"), [("", ""), ("Run it again.", ". Run it again")])
def test_a_page_that_is_refused_makes_the_list_incomplete(detail: str, how: str) -> None:
    def refuse(start: int, _count: int, page: Page) -> Page:
        if start == 11:
            raise ScimError(400, "", "no such page", detail)
        return page

    read = Listing(25, cap=10, odd=refuse).read(10)
    assert read.problem == f"a page failed: no such page{how}"


def test_a_refused_page_past_the_end_leaves_the_end_unproven() -> None:
    def refuse(start: int, _count: int, page: Page) -> Page:
        if start > 25:
            raise ScimError(400, "", "out of range")
        return page

    read = Listing(25, cap=10, odd=refuse).read(10)
    assert (read.problem, read.end_unproven, len(read.users)) == (None, True, 25)


# --- the first page ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 414, 422, 500])
def test_a_large_page_that_is_refused_is_asked_for_in_smaller_ones(status: int) -> None:
    def refuse(_start: int, count: int, page: Page) -> Page:
        if count > 25:
            raise ScimError(status, "", "too many")
        return page

    service = Listing(30, odd=refuse)
    read = service.read(page_size=200)
    assert (read.problem, len(read.users)) == (None, 30)
    assert [count for start, count in service.requests if start == 1] == [200, 100, 50, 25]


@pytest.mark.parametrize(("status", "requests"), [(403, 1), (404, 1), (501, 1), (400, 5)])
def test_a_service_that_lists_no_users_raises(status: int, requests: int) -> None:
    def refuse(_start: int, count: int, _page: Page) -> Page:
        raise ScimError(status, "", f"no to {count}")

    service = Listing(30, odd=refuse)
    with pytest.raises(TargetError, match=r"^the users cannot be listed: no to 200$"):
        service.read(page_size=200)
    assert len(service.requests) == requests


def test_an_id_may_be_a_number() -> None:
    read = read_all(
        lambda start, _count: Page(1, [{"id": 7}] if start == 1 else []),
        dict,
        page_size=10,
        workers=1,
        progress=lambda *_: None,
    )
    assert read.users == {"7": {"id": 7}}


@pytest.mark.parametrize(
    ("identity", "problem"),
    [
        (None, "without an id"),
        ("", "without an id"),
        (".", 'with the id ".", which cannot be part of a URL'),
        ("..", 'with the id "..", which cannot be part of a URL'),
        ("%2e%2e", 'with the id "%2e%2e", which cannot be part of a URL'),
        ("7/../8", 'with the id "7/../8", which cannot be part of a URL'),
        ("7?x", 'with the id "7?x", which cannot be part of a URL'),
        ("7\n", 'with the id "7\\n", which cannot be part of a URL'),
        (True, 'with the id "True", which cannot be part of a URL'),
        ([], 'with the id "[]", which cannot be part of a URL'),
        (1.5, 'with the id "1.5", which cannot be part of a URL'),
    ],
)
def test_an_id_that_is_no_part_of_a_url_is_refused(identity: object, problem: str) -> None:
    read = read_all(
        lambda start, _count: Page(1, [{"id": identity}] if start == 1 else []),
        dict,
        page_size=10,
        workers=1,
        progress=lambda *_: None,
    )
    assert read.problem == f"the service lists a user {problem}"


# --- larger pages ------------------------------------------------------------------------------


class LargeListing(Listing):
    """A service with 1,000 users that serves pages of 100, of which the client asks for 10 at first."""

    def __init__(
        self, odd: Callable[[int, int, Page], Page] = lambda _start, _count, page: page, cap: int = 100
    ) -> None:
        super().__init__(1000, cap=cap, odd=odd)

    def fetch(self, start: int, count: int) -> Page:
        return replace(super().fetch(start, count), seconds=0.01)

    def read(self, page_size: int = 10, workers: int = 4) -> ListRead[int]:
        return read_all(
            self.fetch,
            lambda found: int(found["n"]),
            page_size=page_size,
            workers=workers,
            progress=lambda *_: None,
            larger=LargerPages(self.fetch, 100),
        )


ALL = list(range(1000))


def test_the_rest_is_read_in_larger_pages_if_one_begins_as_the_first() -> None:
    service = LargeListing()
    read = service.read()
    assert (read.problem, list(read.users.values())) == (None, ALL)
    starts = [(start, 100) for start in range(101, 1000, 100)]
    assert service.requests[:2] == [(1, 10), (1, 100)]
    assert sorted(service.requests[2:]) == sorted([*starts, (1001, 10)])
    assert read.large == range(10, 1000)


def test_the_size_of_a_larger_page_is_the_one_that_came() -> None:
    service = LargeListing(cap=40)
    read = service.read()
    assert (read.problem, list(read.users.values())) == (None, ALL)
    assert sorted(set(service.requests[2:])) == [(start, 40) for start in range(41, 1000, 40)] + [(1001, 10)]


def test_few_pages_are_read_without_a_trial() -> None:
    service = LargeListing()
    del service.users[170:]
    read = service.read()
    assert (read.problem, read.large) == (None, None)
    assert {count for _, count in service.requests} == {10}


def test_a_service_that_refused_the_first_count_is_asked_for_no_larger_one() -> None:
    def refuse(_start: int, count: int, page: Page) -> Page:
        if count > 50:
            raise ScimError(400, "", "too many")
        return page

    service = LargeListing(refuse)
    assert service.read(page_size=60).problem is None
    assert [count for start, count in service.requests if start == 1] == [60, 50]


def fail(*errors: tuple[int, Exception]) -> Callable[[int, int, Page], Page]:
    """The large pages from these starts on fail."""

    def odd(start: int, count: int, page: Page) -> Page:
        for number, error in errors:
            if (start, count) == (number, 100):
                raise error
        return page

    return odd


def clamp_later(start: int, count: int, page: Page) -> Page:
    return page if count < 100 or start == 1 else Page(page.total, page.resources[:30])


def by_page_number(start: int, count: int, _page: Page) -> Page:
    first = (start - 1) // count * count
    return Page(1000, [user(number) for number in ALL[first : first + count]])


def shift_large_pages(start: int, count: int, page: Page) -> Page:
    if count < 100 or start == 1:
        return page
    return Page(page.total, [user(number) for number in ALL[start - 2 : start + 98]])


def drop_from_large_pages(start: int, count: int, page: Page) -> Page:
    return page if count < 100 or start == 1 else Page(page.total, page.resources[:-1])


def empty_large_pages(start: int, count: int, page: Page) -> Page:
    return page if count < 100 or start == 1 else Page(page.total, [])


def cap_total_of_large_pages(start: int, count: int, page: Page) -> Page:
    return page if count < 100 or start == 1 else Page(500, page.resources)


@pytest.mark.parametrize(
    ("odd", "attempts"),
    [
        (fail((1, ScimError(400, "", "no"))), 1),
        (fail((1, TargetError("too large"))), 1),
        (fail((101, ScimError(500, "", "no")), (901, TargetError("too large"))), 1),
        (fail(*((start, ScimError(413, "", "no")) for start in range(101, 1000, 100))), 1),
        (clamp_later, 1),
        (by_page_number, 1),
        (empty_large_pages, 1),
        (shift_large_pages, 2),
        # A page that comes short is filled up by the next request.
        (drop_from_large_pages, 1),
    ],
)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_service_that_does_not_serve_larger_pages_is_read_in_small_ones(
    odd: Callable[[int, int, Page], Page], attempts: int, workers: int
) -> None:
    service = LargeListing(odd)
    read = service.read(workers=workers)
    assert (read.problem, list(read.users.values())) == (None, ALL)
    assert service.requests.count((1, 10)) == attempts


def test_a_total_that_large_pages_cap_is_a_list_that_changes() -> None:
    read = LargeListing(cap_total_of_large_pages).read()
    assert read.problem == "the total changed from 1,000 to 500 while the users were read (3 attempts)"


def test_after_an_attempt_that_failed_pages_are_small_and_fewer_come_at_once() -> None:
    """Its pages are right only when they are requested one after another."""
    changed, running, most = threading.Condition(), 0, [0]

    class Unsafe(LargeListing):
        def fetch(self, start: int, count: int) -> Page:
            nonlocal running
            with changed:
                if (start, count) == (1, 10):
                    most.append(0)
                running += 1
                most[-1] = max(most[-1], running)
                changed.notify_all()
                # The first wrong page ends an attempt: without this one might end before its requests are in flight.
                if start > 1 and len(most) == 3:
                    changed.wait_for(lambda: most[2] >= 4, timeout=10)
            time.sleep(0.05 if len(most) == 3 else 0.003)
            with changed:
                alone = running == 1
                running -= 1
            return super().fetch(start if alone or start == 1 else start - 1, count)

    service = Unsafe()
    read = service.read(workers=16)
    assert (read.problem, list(read.users.values())) == (None, ALL)
    assert most[2:] == [4, 1]
    assert [start for start, count in service.requests if count == 100].count(1) == 1


def test_users_that_come_and_go_are_no_reason_for_smaller_pages() -> None:
    service = LargeListing()
    grown = iter([False])

    def grow(start: int, _count: int, page: Page) -> Page:
        if start == 501 and next(grown, None) is False:
            service.users.append(user(1000))
        return Page(len(service.users), page.resources)

    service.odd = grow
    read = service.read(workers=1)
    assert (read.problem, len(read.users)) == (None, 1001)
    assert service.requests.count((1, 100)) == 2


# --- threads -----------------------------------------------------------------------------------


def test_pages_are_fetched_at_once_and_kept_in_order() -> None:
    together, most, lock = 0, 0, threading.Lock()
    service = Listing(100, cap=10)

    def fetch(start: int, count: int) -> Page:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.01)
        with lock:
            together -= 1
        return service.fetch(start, count)

    read = read_all(fetch, lambda found: found["n"], page_size=10, workers=4, progress=lambda *_: None)
    assert list(read.users.values()) == list(range(100))
    assert 1 < most <= 4


@pytest.mark.parametrize(("large", "most"), [(100, 16), (500, 8)])
def test_of_large_pages_fewer_are_fetched_at_once(large: int, most: int) -> None:
    together = [0, 0]
    lock = threading.Lock()
    service = Listing(20_000, cap=large)

    def fetch(start: int, count: int) -> Page:
        with lock:
            together[0] += 1
            together[1] = max(together)
        time.sleep(0.005)
        with lock:
            together[0] -= 1
        return replace(service.fetch(start, count), seconds=0.01)

    read = read_all(
        fetch,
        lambda found: int(found["n"]),
        page_size=10,
        workers=16,
        progress=lambda *_: None,
        larger=LargerPages(fetch, large),
    )
    assert read.problem is None
    assert 4 < together[1] <= most
    assert together[1] > 8 or large > 100


def test_an_interrupt_does_not_wait_for_readers() -> None:
    release = threading.Event()

    def interrupt() -> None:
        with start_readers(1) as pool:
            pool.submit(release.wait, 30)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert time.monotonic() - began < 5
    release.set()


def test_readers_are_named() -> None:
    with start_readers(1) as pool:
        name = pool.submit(lambda: threading.current_thread().name).result()
    assert name.startswith(READER)
