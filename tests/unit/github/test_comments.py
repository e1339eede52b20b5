from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from reconciler.github.api import GitHub, Json
from reconciler.github.comments import AUTHOR, close_issue, write_comment, write_issue

MARKER = "reconciler:plan"
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
