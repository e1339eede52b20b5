"""Render a notification as JSON, with its published schema: the body of `webhook:json`."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from reconciler import __version__
from reconciler.core.text import escape_control
from reconciler.notify.event import EventCause, EventKind
from reconciler.record.plan_document import StrictDocument, TargetDocument
from reconciler.render.notification import MOST_NAMES, NotificationText

FORMAT_VERSION = "1.0"


class UserCount(StrictDocument):
    """How many users had one action and one result. Either may be empty."""

    action: str
    result: str
    users: int = Field(ge=0)


class NotificationDocument(StrictDocument):
    """One notification: a change of state of one topic of one target."""

    format_version: Literal["1.0"] = "1.0"
    reconciler_version: str
    kind: EventKind
    topic: str = Field(description="What has the state within the kind, such as apply or token/end; may be empty")
    ended: bool = Field(description="Whether what began before is over")
    cause: EventCause = Field(description="Why, as a class; none if it is over")
    target: TargetDocument
    time: AwareDatetime = Field(description="When it was found")
    since: AwareDatetime = Field(description="When it began")
    summary: str = Field(description="One clause, in English")
    sentences: list[str] = Field(description="What happened, in English")
    next_steps: list[str] = Field(description="What to do, in English")
    counts: list[UserCount]
    users: list[str] | None = Field(
        description=f"Addresses of the first {MOST_NAMES} users; null unless notifications.names is true"
    )
    more_users: int = Field(ge=0, description="How many others there are, in addition to those in users")
    days_left: int | None = Field(description="Until a credential expires; negative after that")
    run_url: str | None = Field(description="The run in GitHub Actions")
    held_back: int = Field(ge=0, description="Earlier messages about this topic that the rate limit has kept back")


def notification_document(found: NotificationText) -> dict[str, Any]:
    """Return the document as plain data."""
    event, target = found.news.event, found.context.target
    document = NotificationDocument(
        reconciler_version=__version__,
        kind=event.kind,
        topic=event.subject,
        ended=event.is_calm,
        cause=event.cause,
        target=TargetDocument(profile=target.profile, base_url=target.base_url, tenant=target.tenant),
        time=event.at.astimezone(UTC),
        since=found.news.since.astimezone(UTC),
        summary=found.headline,
        sentences=list(found.sentences),
        next_steps=list(found.steps),
        counts=[UserCount(action=each.action, result=each.result, users=each.users) for each in event.counts],
        users=list(map(escape_control, found.names)) if found.context.names else None,
        more_users=found.more,
        days_left=event.days_left,
        run_url=found.context.run_url or None,
        held_back=found.news.held_back,
    )
    return document.model_dump(mode="json")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return NotificationDocument.model_json_schema(mode="serialization")
