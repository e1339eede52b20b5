"""What was last notified about one target: one small file next to the receipts, one for each named tenant. Pure.

A topic is what has a state, such as the failures of applies. Each channel has its own states: a mail that was sent must
not keep the webhook from being tried again. The file names no user and no recipient.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core.untrusted_values import parse_count
from reconciler.record.timestamps import parse_timestamp

FORMAT_VERSION = "1.0"
MAX_BYTES = 256 * 1024
_MAX_TOPICS = 200
_MAX_SENT = 200
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class TopicKey:
    """What has a state: `kind` of events, `subject` within it ("" or such as `token`), `channel` (mail, webhook)."""

    channel: str
    kind: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class TopicState:
    """The state of which the recipients of a topic were last notified. `since`: when it began; `at`: when that was.

    `held_back`: changes of state that the rate limit has kept back since.
    """

    state: str
    since: datetime
    at: datetime
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message that was sent, for the rate limit."""

    channel: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Notified:
    """What was notified about one target."""

    topics: Mapping[TopicKey, TopicState] = field(default_factory=dict)
    sent: tuple[SentMessage, ...] = ()


def format_notified(notified: Notified) -> bytes:
    """Return the file, the same for the same content."""
    topics = sorted(notified.topics.items(), key=lambda item: (item[0].channel, item[0].kind, item[0].subject))
    content = {
        "format_version": FORMAT_VERSION,
        "topics": [
            {
                "channel": key.channel,
                "kind": key.kind,
                "subject": key.subject,
                "state": found.state,
                "since": found.since.isoformat(),
                "at": found.at.isoformat(),
                "held_back": found.held_back,
            }
            for key, found in topics
        ],
        "sent": [
            {"channel": each.channel, "kind": each.kind, "at": each.at.isoformat()}
            for each in sorted(notified.sent, key=lambda each: (each.at, each.channel, each.kind))
        ],
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def parse_notified(content: bytes) -> Notified:
    """Return what a file says; nothing of what cannot be understood: at worst a message is sent twice."""
    try:
        found = json.loads(content[: MAX_BYTES + 1]) if len(content) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return Notified()
    if not isinstance(found, dict):
        return Notified()
    topics: dict[TopicKey, TopicState] = {}
    for each in _list_objects(found.get("topics"), _MAX_TOPICS):
        key, state = TopicKey(_text(each, "channel"), _text(each, "kind"), _text(each, "subject")), _parse_state(each)
        if state is not None and key.kind:
            topics[key] = state
    sent = tuple(
        SentMessage(_text(each, "channel"), _text(each, "kind"), at)
        for each in _list_objects(found.get("sent"), _MAX_SENT)
        if (at := parse_timestamp(each.get("at"))) is not None
    )
    return Notified(topics, sent)


def _list_objects(found: Any, limit: int) -> Iterable[Mapping[str, Any]]:
    return [each for each in found[:limit] if isinstance(each, dict)] if isinstance(found, list) else []


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST else ""


def _parse_state(found: Mapping[str, Any]) -> TopicState | None:
    state, since, at = _text(found, "state"), parse_timestamp(found.get("since")), parse_timestamp(found.get("at"))
    if not state or since is None or at is None:
        return None
    return TopicState(state, since, at, parse_count(found.get("held_back")) or 0)


def merge_notified(one: bytes, other: bytes) -> bytes:
    """Return both copies as one: of each topic the newer state. The order of the two does not matter."""
    first, second = parse_notified(one), parse_notified(other)
    topics = dict(first.topics)
    for key, state in second.topics.items():
        topics[key] = max(topics.get(key, state), state, key=_age)
    sent = sorted({*first.sent, *second.sent}, key=lambda each: (each.at, each.channel, each.kind))[-_MAX_SENT:]
    merged = format_notified(Notified(topics, tuple(sent)))
    # What both say may be written differently, by another version: then it stays as it is.
    return one if merged == format_notified(first) else merged


def _age(state: TopicState) -> tuple[datetime, int, str, datetime]:
    return state.at, state.held_back, state.state, state.since
