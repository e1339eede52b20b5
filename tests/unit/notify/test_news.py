"""One message for each change of state, and never more than the rate limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW

from reconciler.notify.event import CALM, Event, EventKind
from reconciler.notify.news import MOST, MOST_OF_A_KIND, News, Sorting, find_news, record_sent
from reconciler.record.notified import Notified, TopicKey

DAY = timedelta(days=1)
KEY = TopicKey("mail", "failure", "apply")


def failure(state: str, at: datetime = NOW) -> Event:
    return Event(EventKind.FAILURE, state, at, "apply")


def expiry(days: int, at: datetime = NOW) -> Event:
    return Event(EventKind.EXPIRY, f"2026-12-01/{days}", at, "token/end", days_left=days)


def sort(notified: Notified, *events: Event, now: datetime = NOW, lasting: bool = True) -> Sorting:
    return find_news(events, notified, "mail", now, lasting=lasting)


def send(found: Sorting, now: datetime = NOW) -> Notified:
    """What is known once all of it was sent."""
    known = found.kept
    for each in found.news:
        known = record_sent(known, each, now)
    return known


def run(notified: Notified, *events: Event, now: datetime = NOW) -> tuple[list[str], Notified]:
    found = sort(notified, *events, now=now)
    return [each.event.state for each in found.news], send(found, now)


def test_a_failure_is_told_once_and_so_is_its_end() -> None:
    told, known = run(Notified(), failure(CALM))
    assert told == [], "nothing was wrong before"
    told, known = run(known, failure("refused"))
    assert told == ["refused"]
    told, known = run(known, failure("refused", NOW + DAY), now=NOW + DAY)
    assert told == []
    found = sort(known, failure(CALM, NOW + 2 * DAY), now=NOW + 2 * DAY)
    assert found.news == (News(failure(CALM, NOW + 2 * DAY), KEY, NOW, "refused", 0),), "since when it was wrong"
    known = send(found, NOW + 2 * DAY)
    assert run(known, failure(CALM))[0] == []
    assert run(known, failure("refused"))[0] == ["refused"]


def test_another_reason_is_news_and_began_when_the_first_did() -> None:
    _, known = run(Notified(), failure("refused"))
    found = sort(known, failure("users_failed", NOW + DAY), now=NOW + DAY)
    assert [(each.event.state, each.since, each.before) for each in found.news] == [("users_failed", NOW, "refused")]
    assert send(found, NOW + DAY).topics[KEY].since == NOW


def test_what_could_not_be_sent_is_news_again() -> None:
    found = sort(Notified(), failure("refused"))
    assert len(found.news) == 1
    assert sort(found.kept, failure("refused")).news == found.news


def test_each_channel_and_each_subject_has_its_own_state() -> None:
    _, known = run(Notified(), failure("refused"))
    assert len(find_news([failure("refused")], known, "webhook", NOW, lasting=True).news) == 1
    assert run(known, Event(EventKind.FAILURE, "refused", NOW, "drift"))[0] == ["refused"]


def test_a_credential_is_told_about_at_each_stage_and_its_renewal_is_not() -> None:
    known, told = Notified(), []
    for days, now in ((60, NOW), (45, NOW), (30, NOW + DAY), (30, NOW + DAY), (14, NOW + 2 * DAY)):
        stage = next(each for each in (14, 30, 60) if days <= each)
        states, known = run(known, Event(EventKind.EXPIRY, f"x/{stage}", now, "token/end", days_left=days), now=now)
        told += states
    assert told == ["x/60", "x/30", "x/14"]
    renewed = Event(EventKind.EXPIRY, CALM, NOW, "token/end", silent=True)
    states, known = run(known, renewed)
    assert states == []
    assert run(known, Event(EventKind.EXPIRY, "x/14", NOW, "token/end", days_left=14))[0] == ["x/14"], "next year"


@pytest.mark.parametrize(
    ("days", "told"), [(60, True), (59, False), (30, True), (7, True), (2, False), (1, True), (0, True), (-3, True)]
)
def test_without_a_record_that_lasts_a_credential_is_told_about_on_the_days_of_its_stages(
    days: int, *, told: bool
) -> None:
    assert bool(sort(Notified(), expiry(days), lasting=False).news) is told
    assert sort(Notified(), failure("refused"), lasting=False).news
    assert not sort(Notified(), failure(CALM), lasting=False).news


def test_one_kind_is_limited_and_what_waited_is_counted_in_the_next_message() -> None:
    known, sent = Notified(), 0
    for number in range(20):
        state = "refused" if number % 2 == 0 else CALM
        found = sort(known, failure(state), now=NOW + timedelta(minutes=number))
        sent += len(found.news)
        known = send(found, NOW + timedelta(minutes=number))
    assert sent == MOST_OF_A_KIND
    later = sort(known, failure("refused"), now=NOW + timedelta(hours=2))
    assert [(each.event.state, each.held_back) for each in later.news] == [("refused", 8)]
    assert send(later, NOW + timedelta(hours=2)).topics[KEY].held_back == 0


def test_all_kinds_together_are_limited() -> None:
    events = [Event(kind, "x", NOW, str(n)) for kind in EventKind for n in range(MOST_OF_A_KIND)]
    found = sort(Notified(), *events)
    assert len(found.news) == MOST
    assert len(found.news) + len(found.waiting) == len(events)
    known = send(found)
    again = sort(known, *events, now=NOW + timedelta(minutes=59))
    assert again.news == ()
    assert len(sort(known, *events, now=NOW + timedelta(minutes=61)).news) == MOST


def test_a_clock_that_was_ahead_neither_blocks_messages_nor_wins_over_later_states() -> None:
    ahead = NOW + 1000 * DAY
    known = Notified()
    for number in range(MOST_OF_A_KIND):
        _, known = run(known, failure(f"x{number}"), now=ahead)
    found = sort(known, failure("refused"))
    assert len(found.news) == 1
    assert send(found).topics[KEY].at > known.topics[KEY].at


@given(st.lists(st.sampled_from(["a", "b", CALM]), max_size=30), st.integers(0, 90))
def test_no_state_is_told_twice_in_a_row_and_the_last_one_is_told_in_the_end(states: list[str], minutes: int) -> None:
    known, now, told = Notified(), NOW, [CALM]
    for state in [*states, *states[-1:]]:
        now += timedelta(minutes=minutes)
        new, known = run(known, failure(state, now), now=now)
        told += new
    assert all(one != other for one, other in pairwise(told))
    if states:
        new, known = run(known, failure(states[-1], now), now=now + 2 * DAY)
        assert (told + new)[-1] == states[-1]
