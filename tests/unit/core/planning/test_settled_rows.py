"""What is kept of settled pairs is enough to build each live user again."""

from __future__ import annotations

from support.builders import MAPPINGS, desired, live

from reconciler.core.planning.settled_rows import CAPITALS, SettledRows

PEOPLE = [desired("ada"), desired("bob"), desired("Eve")]


def settle(*rows: int) -> SettledRows:
    settled = SettledRows(PEOPLE, MAPPINGS, lambda paths: "title" not in paths)
    for row in rows:
        user = PEOPLE[row]
        name = str(user.attributes["userName"]).partition("@")[0]
        assert settled.settle(live(name, last_modified=f"2026-01-0{row + 1}T00:00:00Z"), user, row)
    return settled


def test_live_users_are_built_as_they_were() -> None:
    settled = settle(2, 0)
    assert settled.build("live-ada", 0) == live("ada", last_modified="2026-01-01T00:00:00Z")
    assert settled.build("live-Eve", 2) == live("Eve", last_modified="2026-01-03T00:00:00Z")


def test_dates_that_are_no_text_or_missing_are_kept() -> None:
    for text in (None, "\udc80", "\0", "é" * 1000):
        settled = settle(1)
        assert settled.settle(live("ada", last_modified=text), PEOPLE[0], 0)
        assert settled.build("live-ada", 0).last_modified == text
        assert settled.build("live-bob", 1).last_modified == "2026-01-02T00:00:00Z"


def test_a_desired_user_has_one_account_until_it_is_released() -> None:
    settled = settle(0)
    again = live("ada", id="again")
    assert not settled.settle(again, PEOPLE[0], 0)
    settled.release(0)
    assert not settled.is_settled(0)
    assert settled.settle(again, PEOPLE[0], 0)
    assert settled.build("again", 0) == again


def test_who_is_settled_is_listed_with_capitals() -> None:
    assert list(settle(0, 2).list_taken(4)) == [1, 0, CAPITALS, 0]
    assert list(settle().list_taken(1)) == [0]


def test_what_an_account_lacks_is_known() -> None:
    settled = SettledRows([desired("ada"), desired("bob", title="Pilot")], MAPPINGS, lambda paths: "title" not in paths)
    assert settled.settle(live("ada"), desired("ada"), 0)
    assert settled.settle(live("bob", title="Pilot"), desired("bob", title="Pilot"), 1)
    assert [settled.is_lacking(row) for row in (0, 1)] == [True, False]


def test_all_is_forgotten() -> None:
    settled = settle(0, 1)
    settled.clear()
    assert (list(settled.list_taken(2)), settled.paths, settled.names.find({"ada@example.com"})) == (
        [0, 0],
        set(),
        set(),
    )
