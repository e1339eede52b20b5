from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.scim.listed_users import Page
from reconciler.scim.pages_at_once import PagesAtOnce


def page(seconds: float | None) -> Page:
    return Page(1000, [], seconds=seconds)


def fetch(at_once: PagesAtOnce, seconds: float | None, times: int = 1) -> None:
    for _ in range(times):
        at_once.fetch(lambda: page(seconds))


@pytest.mark.parametrize(
    ("first", "most", "limit"), [(0.05, 16, 8), (1.0, 16, 8), (1.1, 16, 2), (None, 16, 2), (0.05, 4, 4), (9.0, 1, 1)]
)
def test_how_many_pages_come_at_once_at_first(first: float | None, most: int, limit: int) -> None:
    assert PagesAtOnce(most, page(first)).limit == limit


def test_more_pages_come_at_once_while_they_come_quickly() -> None:
    at_once = PagesAtOnce(16, page(0.05))
    fetch(at_once, 0.05, 21)
    assert at_once.limit == 9
    fetch(at_once, 0.05, 1000)
    assert at_once.limit == 16


def test_pages_of_which_the_time_is_not_known_change_nothing() -> None:
    at_once = PagesAtOnce(16, page(0.05))
    fetch(at_once, None, 100)
    fetch(at_once, 2.0, 100)
    assert at_once.limit == 8


def test_slow_pages_that_were_in_flight_together_count_once() -> None:
    at_once = PagesAtOnce(16, page(0.05))
    fetch(at_once, 5.0, 8)
    assert at_once.limit == 4
    fetch(at_once, 5.0, 4)
    assert at_once.limit == 2
    fetch(at_once, 5.0, 100)
    assert at_once.limit == 1
    fetch(at_once, 0.5, 21)
    assert at_once.limit == 2


def test_no_more_pages_are_fetched_at_once() -> None:
    at_once, lock, running, most = PagesAtOnce(3, page(0.05)), threading.Lock(), 0, 0

    def count() -> Page:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return page(0.005)

    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(lambda _: at_once.fetch(count), range(40))]) == 40
    assert most == 3


def test_a_page_that_fails_makes_room_for_the_next() -> None:
    at_once = PagesAtOnce(1, page(0.05))

    def fail() -> Page:
        raise ValueError

    for _ in range(3):
        with pytest.raises(ValueError, match=r"^$"):
            at_once.fetch(fail)
    assert at_once.fetch(lambda: None) is None
