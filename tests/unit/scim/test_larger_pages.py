from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import ScimError, TargetError
from reconciler.scim.larger_pages import LargerPages
from reconciler.scim.listed_users import Page

USERS = [{"id": f"u{number}", "active": True} for number in range(60)]


def page(users: list[dict[str, Any]], seconds: float | None = 0.1, total: int | None = 100) -> Page:
    return Page(total, users, seconds=seconds)


FIRST = page(USERS[:10])


def larger(answer: Page | Exception) -> LargerPages:
    def fetch(start: int, count: int) -> Page:
        assert count == 50
        requests.append(start)
        if isinstance(answer, Exception):
            raise answer
        return answer

    requests: list[int] = []
    return LargerPages(fetch, 50)


@pytest.mark.parametrize(
    "answer",
    [
        page(USERS[:50]),
        page(USERS[:11]),  # the service's own size
        page(USERS[:50], seconds=1.0),
        page(USERS[:50], seconds=5.0),  # for each user as long as those of a first page that took a second
    ],
)
def test_a_page_that_begins_as_the_first_and_brings_more_is_taken(answer: Page) -> None:
    assert larger(answer).try_first(page(USERS[:10], seconds=1.0)) is answer


@pytest.mark.parametrize(
    "answer",
    [
        ScimError(400, "tooMany", "no"),
        ScimError(500, "", "no"),
        TargetError("the service's answer is larger than 64 MiB"),
        page(USERS[:10]),  # clamped
        page(USERS[:9]),
        page(USERS[:51]),  # more than asked for
        page(USERS[:50], total=49),
        page(USERS[:50], total=101),
        page(USERS[:50], total=None),
        page(USERS[10:60]),
        page([*reversed(USERS[:50])]),
        page([USERS[0], *USERS[:49]]),
        page([{**user, "active": False} for user in USERS[:50]]),
        page([{"id": user["id"]} for user in USERS[:50]]),
        page(USERS[:50], seconds=None),
        page(USERS[:50], seconds=1.1),  # slower for each user than the first
        page(USERS[:50], seconds=6.0),
    ],
)
def test_anything_else_proves_nothing(answer: Page | Exception) -> None:
    assert larger(answer).try_first(FIRST) is None


def test_slow_pages_need_a_first_one_to_compare_with() -> None:
    slow = page(USERS[:50], seconds=2.0)
    assert larger(slow).try_first(page(USERS[:10], seconds=None)) is None
    assert larger(slow).try_first(page(USERS[:10], seconds=0.5)) is slow
    assert larger(page(USERS[:50], seconds=5.1)).try_first(page(USERS[:10], seconds=9.0)) is None


def test_a_first_page_that_is_as_large_is_not_compared() -> None:
    assert LargerPages(lambda _start, _count: pytest.fail("asked"), 10).try_first(FIRST) is None


@pytest.mark.parametrize("failure", [ScimError(413, "", "no"), TargetError("too many values"), page([])])
def test_a_large_page_that_fails_is_to_be_read_in_small_ones(failure: Page | Exception) -> None:
    assert larger(failure).read(51, 50) is None


def test_after_three_failures_no_large_page_is_requested() -> None:
    requests = 0

    def fail(_start: int, _count: int) -> Page:
        nonlocal requests
        requests += 1
        raise ScimError(500, "", "no")

    pages = LargerPages(fail, 50)
    assert [pages.read(start, 50) for start in range(51, 501, 50)] == [None] * 9
    assert requests == 3


def test_what_is_no_answer_of_the_service_passes_through() -> None:
    with pytest.raises(RuntimeError):
        larger(RuntimeError()).read(51, 50)
