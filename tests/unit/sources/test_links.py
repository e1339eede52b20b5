from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.sources.links import LinkEvent, LinkVerdict, MatchedAccount, build_links, check_links

START = datetime(2026, 11, 1, tzinfo=UTC)


def event(user: str, account: str, hour: int = 0, action: str = "create") -> LinkEvent:
    return LinkEvent(user, account, action, START + timedelta(hours=hour))


def links_of(*events: LinkEvent) -> dict[str, str]:
    return {user: link.target_id for user, link in build_links(events).links.items()}


def test_the_latest_event_of_a_user_counts_in_any_order() -> None:
    events = [event("a", "GN-1"), event("a", "GN-2", 5, "update"), event("b", "GN-3", 1)]
    for each in itertools.permutations([*events, event("b", "GN-3", 2, "disable")]):
        assert links_of(*each) == {"a": "GN-2", "b": "GN-3"}


def test_a_deleted_account_is_linked_to_no_user() -> None:
    assert links_of(event("a", "GN-1"), event("a", "GN-1", 1, "delete")) == {}
    assert links_of(event("a", "GN-1"), event("a", "GN-1", 1, "stageddelete")) == {"a": "GN-1"}
    assert links_of(event("a", "GN-1", 1, "delete"), event("a", "GN-2", 2)) == {"a": "GN-2"}


@pytest.mark.parametrize(
    ("user", "account", "verdict", "linked"),
    [
        ("A", "GN-1", LinkVerdict.CONFIRMED, "GN-1"),
        ("a", "GN-9", LinkVerdict.OTHER_ACCOUNT, "GN-1"),
        ("a", "GN-2", LinkVerdict.OTHER_USER, "GN-1"),
        ("z", "GN-2", LinkVerdict.OTHER_USER, ""),
        ("", "GN-2", LinkVerdict.OTHER_USER, ""),
        ("z", "GN-9", LinkVerdict.UNCONFIRMED, ""),
        ("", "GN-9", LinkVerdict.UNCONFIRMED, ""),
        ("c", "GN-3", LinkVerdict.CONTESTED, "GN-3"),
        ("z", "GN-3", LinkVerdict.CONTESTED, ""),
        ("a", "gn-1", LinkVerdict.OTHER_ACCOUNT, "GN-1"),
    ],
)
def test_a_matched_account_is_the_one_that_entra_made(
    user: str, account: str, verdict: LinkVerdict, linked: str
) -> None:
    table = build_links([event("a", "GN-1"), event("b", "GN-2"), event("c", "GN-3"), event("d", "GN-3")])
    (found,) = check_links(table, [MatchedAccount("x", user, account)])
    assert (found.verdict, found.linked) == (verdict, linked)
