"""Which events are news: one message for each change of state, within a rate limit. Pure.

The state of a topic is kept for each channel, and only after its message was sent: what could not be sent is news again
in the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.notify.event import CALM, Event, EventKind
from reconciler.record.notified import Notified, SentMessage, TopicKey, TopicState

WINDOW = timedelta(hours=1)
MOST_OF_A_KIND = 4
"""Messages of one kind and channel within `WINDOW`."""
MOST = 10
"""Messages of one channel within `WINDOW`."""
_TOLERANCE = timedelta(minutes=5)
"""How far another machine's clock may be ahead."""
_INSTANT = timedelta(microseconds=1)
REMINDER_DAYS = frozenset({60, 30, 14, 7, 1, 0})
"""Without a state, days before the end of a credential on which runs tell about it."""


@dataclass(frozen=True, slots=True)
class News:
    """One event to report. `since`: when its state began; `before`: the state that was reported before, None: none.

    `held_back`: messages about its topic that the rate limit has kept back before.
    """

    event: Event
    key: TopicKey
    since: datetime
    before: str | None
    held_back: int


@dataclass(frozen=True, slots=True)
class Sorting:
    """The news of one channel, those that have to wait, and `kept`: what is known now, before anything is sent."""

    news: tuple[News, ...]
    waiting: tuple[News, ...]
    kept: Notified


def find_news(events: Sequence[Event], notified: Notified, channel: str, now: datetime, *, lasting: bool) -> Sorting:
    """Sort the events of one run for one channel.

    `lasting`: whether `notified` holds what earlier runs reported. If not, the end of a credential is reported on
    `REMINDER_DAYS` only, and every run tells about what is wrong; nothing is ever over, because nothing had begun.
    """
    news: list[News] = []
    waiting: list[News] = []
    sent = [each for each in notified.sent if now - WINDOW < each.at <= now + _TOLERANCE]
    kept = replace(notified, sent=tuple(sent))
    for event in events:
        key = TopicKey(channel, event.kind, event.subject)
        before = notified.topics.get(key)
        if not _is_news(event, before, lasting=lasting):
            continue
        if event.silent:
            kept = _remember(kept, key, event, now, held_back=0)
            continue
        found = _describe(event, key, before)
        if _is_over_limit(sent, key):
            waiting.append(found)
            kept = _count_held_back(kept, key, before, event, now)
        else:
            news.append(found)
            sent.append(SentMessage(channel, event.kind, now))
    return Sorting(tuple(news), tuple(waiting), kept)


def record_sent(notified: Notified, news: News, now: datetime) -> Notified:
    """Return what is known once `news` was sent."""
    known = _remember(notified, news.key, news.event, now, held_back=0)
    return replace(known, sent=(*known.sent, SentMessage(news.key.channel, news.key.kind, now)))


def _is_news(event: Event, before: TopicState | None, *, lasting: bool) -> bool:
    if before is not None:
        return event.state != before.state
    if event.is_calm:
        return False
    return lasting or event.kind is not EventKind.EXPIRY or _is_reminder(event)


def _is_reminder(event: Event) -> bool:
    return event.days_left is None or event.days_left < 0 or event.days_left in REMINDER_DAYS


def _describe(event: Event, key: TopicKey, before: TopicState | None) -> News:
    """Return the news. What is over began when it was reported; what has only changed its form began then too."""
    known = before is not None and before.state != CALM
    since = before.since if before is not None and known else event.at
    return News(event, key, since, before.state if before is not None else None, before.held_back if before else 0)


def _is_over_limit(sent: Sequence[SentMessage], key: TopicKey) -> bool:
    here = [each for each in sent if each.channel == key.channel]
    return len(here) >= MOST or sum(each.kind == key.kind for each in here) >= MOST_OF_A_KIND


def _remember(notified: Notified, key: TopicKey, event: Event, now: datetime, *, held_back: int) -> Notified:
    before = notified.topics.get(key)
    # A later state is the newer one, also where a clock was ahead before.
    at = now if before is None else max(now, before.at + _INSTANT)
    began = before is None or before.state == CALM or event.is_calm
    since = event.at if before is None or began else before.since
    return replace(notified, topics={**notified.topics, key: TopicState(event.state, since, at, held_back)})


def _count_held_back(
    notified: Notified, key: TopicKey, before: TopicState | None, event: Event, now: datetime
) -> Notified:
    """Count a message that has to wait, with the state that was reported last: so it is news again in the next run."""
    if before is None:
        known = TopicState(CALM, event.at, now, 1)
    else:
        known = replace(before, at=max(now, before.at + _INSTANT), held_back=before.held_back + 1)
    return replace(notified, topics={**notified.topics, key: known})
