from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from reconciler.github.api import GitHub, Json
from reconciler.github.comments import (
    AUTHOR,
    Marker,
    close_issue,
    comment_once,
    find_only_marker,
    write_comment,
    write_issue,
)

MARKER = Marker("reconciler:plan")
ACME, GLOBEX = Marker("reconciler:plan", "acme"), Marker("reconciler:plan", "globex")
BODY = f"<!-- {MARKER} -->\nNew"


class Hub:
    """A repository with `listed` comments or issues, which records what is sent."""

    def __init__(self, *listed: Json) -> None:
        self.listed = listed
        self.asked: list[tuple[str, Json]] = []
        self.sent: list[tuple[str, str, Json]] = []

    def items(self, path: str, **query: Any) -> Iterator[Json]:
        self.asked.append((path, query))
        yield from self.listed

    def send(self, method: str, path: str, content: Json) -> Json:
        self.sent.append((method, path, content))
        return {}


def item(number: int, body: str = f"<!-- {MARKER} -->\nOld", login: str = AUTHOR, **more: Any) -> Json:
    return {"id": number, "number": number, "title": "Drift", "body": body, "user": {"login": login}, **more}


def comment(hub: Hub) -> str:
    return write_comment(cast("GitHub", hub), 7, MARKER, BODY)


def issue(hub: Hub, body: str = BODY, title: str = "Drift") -> str:
    return write_issue(cast("GitHub", hub), MARKER, title, body)


@pytest.mark.parametrize(
    "others",
    [
        (),
        (item(1, login="mallory"),),
        (item(1, body=f"See <!-- {MARKER} -->"),),
        (item(1, body="<!-- another -->"),),
    ],
)
def test_a_comment_is_created_unless_author_and_marker_are_ours(others: tuple[Json, ...]) -> None:
    hub = Hub(*others)
    assert comment(hub) == "created"
    assert hub.sent == [("POST", "/issues/7/comments", {"body": BODY})]


def test_a_comment_is_updated_in_place() -> None:
    hub = Hub(item(1, login="mallory"), item(2), item(3))
    assert comment(hub) == "updated"
    assert hub.sent == [("PATCH", "/issues/comments/2", {"body": BODY})]


def test_an_equal_comment_is_not_written_again() -> None:
    hub = Hub(item(2, body=BODY))
    assert comment(hub) == "unchanged"
    assert hub.sent == []


def test_an_issue_is_opened_once() -> None:
    hub = Hub(item(1, login="mallory"), item(2, pull_request={}))
    assert issue(hub) == "opened"
    assert hub.sent == [("POST", "/issues", {"title": "Drift", "body": BODY})]
    query = {"state": "open", "creator": AUTHOR, "sort": "created", "direction": "asc"}
    assert hub.asked == [("/issues", query)]


@pytest.mark.parametrize(("title", "body", "outcome"), [("Drift", BODY, "updated"), ("Other", None, "updated")])
def test_an_open_issue_is_updated(title: str, body: str | None, outcome: str) -> None:
    hub = Hub(item(4))
    body = body or item(4)["body"]
    assert issue(hub, body, title) == outcome
    assert hub.sent == [("PATCH", "/issues/4", {"title": title, "body": body})]


def test_an_equal_issue_is_not_written_again() -> None:
    assert issue(Hub(item(4, body=BODY))) == "unchanged"


def test_the_open_issue_is_closed_with_its_reason() -> None:
    hub = Hub(item(4))
    assert close_issue(cast("GitHub", hub), MARKER, "No drift.") == "closed"
    closed = {"body": "No drift.", "state": "closed", "state_reason": "completed"}
    assert hub.sent == [("PATCH", "/issues/4", closed)]


def test_without_an_open_issue_nothing_is_closed() -> None:
    hub = Hub(item(4, pull_request={}))
    assert close_issue(cast("GitHub", hub), MARKER, "No drift.") == "none is open"
    assert hub.sent == []


# --- tenants --------------------------------------------------------------------------------------


def of(marker: Marker, number: int) -> Json:
    return item(number, f"<!-- {marker} -->\nOld")


def test_a_tenant_writes_its_own_comment_and_issue_only() -> None:
    listed = (of(GLOBEX, 1), of(ACME, 2))
    hub = Hub(*listed)
    assert write_comment(cast("GitHub", hub), 7, ACME, BODY) == "updated"
    assert write_issue(cast("GitHub", hub), ACME, "Drift", BODY) == "updated"
    assert [path for _, path, _ in hub.sent] == ["/issues/comments/2", "/issues/2"]
    alone = Hub(of(GLOBEX, 1), of(Marker("reconciler:plan", "acme-2"), 2))
    assert write_issue(cast("GitHub", alone), ACME, "Drift", BODY) == "opened"
    assert close_issue(cast("GitHub", alone), ACME, "No drift.") == "none is open"


def test_a_comment_from_before_the_tenant_was_named_becomes_its_own_unless_it_has_one() -> None:
    hub = Hub(of(MARKER, 1))
    assert write_comment(cast("GitHub", hub), 7, ACME, BODY) == "updated"
    both = Hub(of(MARKER, 1), of(ACME, 2))
    assert write_comment(cast("GitHub", both), 7, ACME, BODY) == "updated"
    assert [path for _, path, _ in (*hub.sent, *both.sent)] == ["/issues/comments/1", "/issues/comments/2"]


def test_an_issue_without_a_tenant_is_not_closed_for_one() -> None:
    assert close_issue(cast("GitHub", Hub(of(MARKER, 1))), ACME, "No drift.") == "none is open"


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ((), MARKER),
        ((of(MARKER, 1),), MARKER),
        ((of(ACME, 1),), ACME),
        ((of(ACME, 1), of(ACME, 2)), ACME),
        ((of(ACME, 1), of(GLOBEX, 2)), MARKER),
        ((of(ACME, 1), of(MARKER, 2)), MARKER),
        ((item(1, f"<!-- {ACME} -->", login="mallory"),), MARKER),
        ((item(1, "<!-- reconciler:plan -acme -->"),), MARKER),
        ((item(1, "<!-- reconciler:plans acme -->"),), MARKER),
    ],
)
def test_the_only_comment_is_found_by_its_marker(listed: tuple[Json, ...], found: Marker) -> None:
    assert find_only_marker(cast("GitHub", Hub(*listed)), 7, "reconciler:plan") == found


def test_a_comment_is_added_once() -> None:
    hub = Hub(item(3))
    assert comment_once(cast("GitHub", hub), MARKER, "News") == "commented"
    assert hub.sent == [("POST", "/issues/3/comments", {"body": "News"})]
    # The stand-in lists the same for issues and comments: the second one has the text already, by another author too.
    for login, done in ((AUTHOR, "unchanged"), ("mallory", "commented")):
        hub = Hub(item(3), item(4, "News", login))
        assert comment_once(cast("GitHub", hub), MARKER, "News") == done
    assert comment_once(cast("GitHub", Hub()), MARKER, "News") == "none is open"
