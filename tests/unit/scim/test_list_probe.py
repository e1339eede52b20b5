"""A list is relied on only where its first page, one between, its last one, and users of them contradict nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.builders import APPLE, MAPPINGS, OWNED, resource

from reconciler.core.planning.live_user import LiveReader
from reconciler.errors import FullPlanNeededError, ScimError, TargetError
from reconciler.scim.list_probe import MOST_REQUESTS, ListProbe
from reconciler.scim.listed_users import Page

User = dict[str, Any]
READER = LiveReader(APPLE, MAPPINGS, OWNED)


def account(number: int, **changed: Any) -> User:
    return {**resource(f"user{number}"), "id": str(number), **changed}


class Lists:
    """Users by id, and as the list shows them. `total`: what the list says; None: how many it shows."""

    def __init__(self, size: int) -> None:
        self.users = [account(number) for number in range(size)]
        self.shown = [dict(user) for user in self.users]
        self.total: int | None = None
        self.cap, self.cursor, self.ignores_start = 1000, "", False
        self.fails: dict[str, Exception] = {}
        self.requests: list[str] = []

    def list_page(self, start: int, count: int) -> Page:
        self.requests.append(f"{start}+{count}")
        if f"{start}+{count}" in self.fails:
            raise self.fails[f"{start}+{count}"]
        begin = 0 if self.ignores_start else start - 1
        found = self.shown[begin : begin + min(count, self.cap)]
        return Page(len(self.shown) if self.total is None else self.total, found, self.cursor or None)

    def get_user(self, identity: str) -> User | None:
        self.requests.append(identity)
        if identity in self.fails:
            raise self.fails[identity]
        return next((user for user in self.users if user["id"] == identity), None)

    def check(self, *known: int, least: int = 0) -> list[str]:
        """Check the list; return the requests. `known`: the numbers of users that are known."""
        self.requests.clear()
        users = {str(number): READER.read(self.users[number]) for number in known}
        ListProbe(self, READER, users, least).check()
        assert len(self.requests) <= MOST_REQUESTS
        return self.requests

    def doubt(self, *known: int, least: int = 0) -> str:
        """Return why the list is in doubt."""
        with pytest.raises(FullPlanNeededError) as raised:
            self.check(*known, least=least)
        assert raised.value.summary.endswith(", and accounts would be removed")
        assert len(self.requests) <= MOST_REQUESTS
        return raised.value.summary


@pytest.mark.parametrize(
    ("size", "known", "requests"),
    [
        (1, [], ["1+20", "2+20", "0"]),
        (1, [0], ["1+20", "2+20"]),
        (9, [], ["1+20", "10+20", "8", "0"]),
        (9, [8], ["1+20", "10+20", "0", "7"]),
        (9, [0, 8], ["1+20", "10+20", "7", "1"]),
        (20, [], ["1+20", "21+20", "19", "0"]),
        (30, [], ["1+20", "21+20", "29", "0"]),
        (30, [25], ["1+20", "21+20", "0", "29"]),
        (40, [], ["1+20", "39+19", "39", "0"]),
        (1_000, [], ["1+20", "501+20", "989+19", "999"]),
        (1_000, [995], ["1+20", "501+20", "989+19", "0"]),
        (1_000, [995, 3], ["1+20", "501+20", "989+19", "500"]),
        (1_000, [995, 3, 503], ["1+20", "501+20", "989+19", "999"]),
        (380, [], ["1+20", "181+20", "379+18", "379"]),
    ],
)
def test_the_first_place_the_last_one_and_one_between_are_looked_at(
    size: int, known: list[int], requests: list[str]
) -> None:
    """Users that are known are not read again, and pages without one of them come first."""
    assert Lists(size).check(*known, least=size) == requests


@pytest.mark.parametrize("size", range(1, 90))
@pytest.mark.parametrize("cap", [3, 7, 20])
def test_an_honest_list_is_relied_on(size: int, cap: int) -> None:
    lists = Lists(size)
    lists.cap = cap
    if cap < size and size % 2 == size % 3 == 0 and cap == 3:
        assert "too short" in lists.doubt(0)
    else:
        lists.check(0, size - 1, least=size)


@pytest.mark.parametrize("size", [9, 40, 200])
@pytest.mark.parametrize(
    "lie",
    [
        lambda user: user.update(userName=f"x{user['userName']}"),
        lambda user: user.update(externalId=f"x{user['externalId']}"),
        lambda user: user.update(active=False),
        lambda user: user.update(name={"givenName": "Other", "familyName": "Other"}),
    ],
)
@pytest.mark.parametrize("known", [(), (0,), (8,)])
def test_a_list_that_shows_users_as_they_are_not(
    size: int, lie: Callable[[User], None], known: tuple[int, ...]
) -> None:
    lists = Lists(size)
    for user in lists.shown:
        lie(user)
    assert lists.doubt(*known).startswith("the list shows a user differently than a filter or a read by id")


@pytest.mark.parametrize("number", [3, 500, 510, 995])
def test_a_known_user_on_a_page_is_compared(number: int) -> None:
    lists = Lists(1_000)
    lists.shown[number]["userName"] = "other@example.com"
    lists.check(least=1_000)
    assert "differently" in lists.doubt(number)


def test_the_last_places_are_compared_although_the_first_ones_are_right() -> None:
    lists = Lists(1_000)
    for user in lists.shown[800:]:
        user["externalId"] = "other"
    assert "differently" in lists.doubt(0)


def test_what_the_list_leaves_out_is_no_contradiction() -> None:
    """A plan of all users reads each by its id then, which is how these were read."""
    lists = Lists(9)
    lists.shown = [{key: user[key] for key in ("id", "userName")} for user in lists.users]
    lists.check(0, 8, least=9)


@pytest.mark.parametrize("size", [9, 100])
def test_fewer_users_than_there_were(size: int) -> None:
    lists = Lists(size)
    lists.check(least=size)
    assert "fewer users than there were" in lists.doubt(least=size + 1)


def test_a_whole_list_without_an_account_that_a_filter_finds() -> None:
    lists = Lists(9)
    del lists.shown[4]
    lists.check(0)
    assert "leaves out an account" in lists.doubt(4)


@pytest.mark.parametrize(
    ("size", "total", "why"),
    [
        (9, None, ""),
        (9, 8, "lists others than that"),
        (9, 10, "another number of users at one place"),
        (9, 100, "another number of users at one place"),
        (9, 17_000_000, "lists others than that"),
        (0, 5, "lists others than that"),
        (30, 25, "another number of users at one place"),
        (30, 20, "does not end where the service says"),
        (30, 40, "another number of users at one place"),
        (100, 90, "another number of users at one place"),
        (100, 99, "another number of users at one place"),
        (100, 101, "another number of users at one place"),
    ],
)
def test_a_total_that_does_not_fit(size: int, total: int | None, why: str) -> None:
    lists = Lists(size)
    lists.total = total
    if why:
        assert why in lists.doubt()
    else:
        lists.check()


def test_a_list_without_a_total_or_users_without_ids() -> None:
    class WithoutTotal(Lists):
        def list_page(self, start: int, count: int) -> Page:
            return Page(None, super().list_page(start, count).resources)

    assert "does not say how many" in WithoutTotal(9).doubt()
    lists = Lists(9)
    del lists.shown[3]["id"]
    assert "without a usable id" in lists.doubt()


def test_a_total_that_changes() -> None:
    class Changing(Lists):
        def list_page(self, start: int, count: int) -> Page:
            page = super().list_page(start, count)
            return Page(len(self.shown) + (start > 1), page.resources)

    assert "does not end" in Changing(9).doubt()
    assert "another number" in Changing(100).doubt()


@pytest.mark.parametrize("size", [9, 30, 100])
def test_users_that_are_listed_twice(size: int) -> None:
    lists = Lists(size)
    lists.shown[-1] = lists.shown[0]
    assert "shows a user twice" in lists.doubt()


def test_a_user_that_is_listed_twice_and_counted_once() -> None:
    lists = Lists(9)
    lists.shown[-1] = lists.shown[0]
    lists.total = 8
    assert "shows a user twice" in lists.doubt()


def test_names_that_are_not_mapped_are_compared_too() -> None:
    rows = [row for row in MAPPINGS if row.target != "externalId"]
    reader = LiveReader(APPLE, rows, OWNED)
    lists = Lists(9)
    ListProbe(lists, reader, {}, 0).check()
    for user in lists.shown:
        user["externalId"] = "other"
    with pytest.raises(FullPlanNeededError, match="differently"):
        ListProbe(lists, reader, {}, 0).check()


def test_a_service_that_does_not_page_by_start_index() -> None:
    lists = Lists(100)
    lists.ignores_start = True
    assert "does not page by startIndex" in lists.doubt()
    few = Lists(9)
    few.ignores_start = True
    few.check()  # the first page again, past the end
    few.cursor = "more"
    assert "does not end" in few.doubt()


@pytest.mark.parametrize("page", ["1+20", "501+20", "989+19"])
@pytest.mark.parametrize("error", [ScimError(400, "", "no"), TargetError("no")])
def test_pages_that_are_refused(page: str, error: Exception) -> None:
    lists = Lists(1_000)
    lists.fails[page] = error
    assert "refuses a page" in lists.doubt()


def test_users_that_cannot_be_read() -> None:
    lists = Lists(100)
    lists.fails["99"] = ScimError(500, "", "no")
    assert "cannot be read by its id" in lists.doubt()
    lists.fails["99"] = TargetError("no")
    assert "cannot be read by its id" in lists.doubt()
    lists.fails.clear()
    del lists.users[99]
    assert "cannot be read by its id" in lists.doubt()
