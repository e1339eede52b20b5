from __future__ import annotations

from typing import Any

import pytest

from reconciler.scim import listed_users
from reconciler.scim.listed_users import (
    ContradictionError,
    ListChangedError,
    ListedUsers,
    NotAdvancingError,
    Page,
    identify,
    list_counts,
)


def users(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"u{number}", "n": number} for number in numbers]


class Listed:
    """The users of a list of `total`, and the progress that was reported."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.progress: list[tuple[int, int]] = []
        self.listed = ListedUsers(lambda found: int(found["n"]), lambda done, of: self.progress.append((done, of)))

    def add(self, *numbers: int, total: int | None = None) -> None:
        page = Page(self.total if total is None else total, users(*numbers))
        self.listed.add(self.listed.read_page("this page", page, self.total), self.total)


def test_pages_that_fit_are_added() -> None:
    found = Listed(3)
    found.add(1, 2)
    found.add(3)
    found.listed.check_end(3)
    assert (list(found.listed.users.values()), found.progress) == ([1, 2, 3], [(2, 3), (3, 3)])
    found.listed.restart()
    found.add(1)
    assert (len(found.listed.users), found.progress[-1]) == (1, (1, 3))


def test_a_total_that_is_not_known_is_0_for_the_progress() -> None:
    found = Listed(None)
    found.add(1, 2)
    found.add()
    assert found.progress == [(2, 0), (2, 0)]


@pytest.mark.parametrize(
    ("numbers", "total", "error", "message"),
    [
        ((1, 2), 3, NotAdvancingError, "this page repeats users only"),
        ((2, 3), 3, ListChangedError, "the service lists 1 user twice"),
        ((3,), 4, ListChangedError, "the total changed from 3 to 4 while the users were read"),
    ],
)
def test_a_page_that_does_not_fit_is_an_error(
    numbers: tuple[int, ...], total: int, error: type[Exception], message: str
) -> None:
    found = Listed(3)
    found.add(1, 2)
    with pytest.raises(error, match=f"^{message}$"):
        found.add(*numbers, total=total)


def test_too_few_users_are_an_error() -> None:
    found = Listed(3)
    found.add(1)
    with pytest.raises(ListChangedError, match=r"^the service says it has 3 users, but lists 1$"):
        found.listed.check_end(3)


def test_more_users_than_can_be_held_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_users, "MAX_USERS", 2)
    found = Listed(None)
    found.add(1, 2)
    with pytest.raises(ContradictionError, match=r"^the service lists more than the 2 users that can be read$"):
        found.add(3)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (
            Page(16_000_001, users(1)),
            "the service says it has 16,000,001 users, more than the 16,000,000 that can be read",
        ),
        (Page(1, users(1, 2)), "the service says it has 1 user, but lists 2"),
        (Page(1, []), "the service says it has 1 user, but lists none"),
    ],
)
def test_a_first_page_that_contradicts_itself_is_an_error(page: Page, message: str) -> None:
    with pytest.raises(ContradictionError, match=f"^{message}$"):
        Listed(1).listed.check_first(page)


@pytest.mark.parametrize("page", [Page(1, [], "next"), Page(1, [], None, "odd"), Page(None, []), Page(0, [])])
def test_a_first_page_may_be_empty_if_another_follows_or_no_user_is_announced(page: Page) -> None:
    Listed(1).listed.check_first(page)


def test_a_page_past_the_end_may_repeat_users_and_show_no_other() -> None:
    found = Listed(2)
    found.add(1, 2)
    for page in (Page(2, []), Page(2, users(2)), Page(None, [])):
        found.listed.check_beyond(page, 2)
    with pytest.raises(ContradictionError, match=r"but lists more$"):
        found.listed.check_beyond(Page(2, users(2, 3)), 2)
    with pytest.raises(ListChangedError, match="the total changed from 2 to 3"):
        found.listed.check_beyond(Page(3, []), 2)


@pytest.mark.parametrize("identity", [None, "", "a/../b", "..", {"a": 1}])
def test_an_id_that_cannot_be_part_of_a_url_is_an_error(identity: Any) -> None:
    with pytest.raises(ContradictionError):
        identify({"id": identity})


def test_each_count_is_smaller_than_the_last() -> None:
    assert list_counts(200) == (200, 100, 50, 25, 10)
    assert list_counts(10) == (10,)


class Doubling:
    """Keeps twice the number of a user; counts the users since the last restart."""

    def __init__(self) -> None:
        self.settled: list[str] = []

    def settle(self, identity: str, user: int) -> int:
        self.settled.append(identity)
        return 2 * user

    def open_table(self) -> dict[str, int]:
        self.users: dict[str, int] = {}
        self.settled.clear()
        return self.users


def test_what_is_kept_of_a_user_is_settled_once_and_forgotten_with_the_list() -> None:
    settling = Doubling()
    listed = ListedUsers(lambda found: int(found["n"]), lambda _done, _of: None, settling)
    listed.add(listed.read_page("a page", Page(3, users(1, 2)), 3), 3)
    with pytest.raises(ListChangedError):
        listed.add(listed.read_page("another", Page(3, users(2, 3)), 3), 3)
    assert (listed.users, settling.settled) == ({"u1": 2, "u2": 4, "u3": 6}, ["u1", "u2", "u3"])
    listed.restart()
    assert settling.settled == []
    assert settling.users is listed.users
