"""News to render, and one message about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.notify.event import Count, Event, EventCause, EventKind
from reconciler.notify.news import News
from reconciler.record.notified import TopicKey
from reconciler.render.notification import MessageContext, NotificationText, render_notification
from support.builders import NOW, TARGET

RUN_URL = "https://github.com/example/people/actions/runs/17"


def failure(**values: Any) -> Event:
    base = Event(
        EventKind.FAILURE, "users_failed", NOW, "apply", EventCause.USERS_FAILED, (Count("create", "failed", 3),)
    )
    return replace(base, **values)


def message(event: Event | None = None, held_back: int = 0, **context: Any) -> NotificationText:
    event = event or failure()
    news = News(event, TopicKey("mail", event.kind, event.subject), NOW, None, held_back)
    return render_notification(news, MessageContext(**{"target": TARGET, "now": NOW, "run_url": RUN_URL, **context}))
