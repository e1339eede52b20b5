"""Questions about notifications: who is notified, and, with `--notify`, whether a test message arrives."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import pluralize
from reconciler.errors import NotificationError
from reconciler.notify.event import Event, EventCause, EventKind
from reconciler.notify.news import News
from reconciler.record.notified import TopicKey
from reconciler.render.notification import MessageContext
from reconciler.session.checks.context import CheckContext
from reconciler.session.notification_channels import (
    MAIL,
    SECONDS,
    WEBHOOK,
    Channel,
    deliver,
    describe_recipients,
    find_channels,
    read_smtp,
    read_webhook,
)
from reconciler.session.notifications import find_run_url

QUESTIONS = ("notifications", MAIL, WEBHOOK)


def ask_notifications(context: CheckContext) -> Iterator[Answer]:
    """Ask whether messages could be sent. With `--notify`, send one by each channel that has recipients."""
    settings = context.settings
    channels = find_channels(settings.notifications) if settings is not None else []
    facts = tuple((channel.name, len(_list_recipients(channel))) for channel in channels)
    if channels:
        summary = " and ".join(f"{pluralize(count, 'recipient')} by {name}" for name, count in facts)
        yield Answer("notifications", CheckVerdict.OK, summary, facts=facts)
    else:
        verdict = CheckVerdict.WARNING if context.notify else CheckVerdict.OK
        advice = ("Add some to `notifications` in settings.yaml.",) if context.notify else ()
        yield Answer("notifications", verdict, "settings.yaml names no recipients", advice)
    for channel in channels:
        try:
            yield _ask(context, channel, len(channels))
        except NotificationError as exc:
            yield Answer(channel.name, CheckVerdict.FAILED, exc.summary, tuple(exc.detail.splitlines()))


def _list_recipients(channel: Channel) -> tuple[str, ...]:
    return (*channel.mailboxes.get(EventKind.TEST, ()), *channel.formats.get(EventKind.TEST, ()))


def _ask(context: CheckContext, channel: Channel, channels: int) -> Answer:
    """Return the answer about one channel. Raises `NotificationError` if its variable cannot be used."""
    found = read_smtp(context.environment) if channel.name == MAIL else read_webhook(context.environment)
    if found is None:
        verdict = CheckVerdict.FAILED if context.notify else CheckVerdict.WARNING
        advice = ("Set it where applies run: docs/notifications.md.",)
        return Answer(channel.name, verdict, f"{channel.variable} is not set, so nothing is sent", advice)
    if not context.notify:
        summary = f"{channel.variable} is set; `reconciler check --notify` sends a test message"
        return Answer(channel.name, CheckVerdict.OK, summary)
    if context.offline:
        return Answer(channel.name, CheckVerdict.SKIPPED, "no test message was sent (--offline)")
    return _send(context, channel, SECONDS / channels)


def _send(context: CheckContext, channel: Channel, seconds: float) -> Answer:
    assert context.target is not None  # noqa: S101 - `needs` says so
    event = Event(EventKind.TEST, "test", context.now, cause=EventCause.TEST)
    news = News(event, TopicKey(channel.name, EventKind.TEST), context.now, None, 0)
    message = MessageContext(context.target, context.now, find_run_url(context.environment))
    only_here = context.workspace.sandbox
    delivery = deliver(channel, [news], message, context.environment, seconds=seconds, local_only=only_here)
    if not delivery.sent:
        if not delivery.problems:
            return Answer(channel.name, CheckVerdict.SKIPPED, "the sandbox sends to this machine only")
        return Answer(channel.name, CheckVerdict.FAILED, delivery.problems[0], (f"Check {channel.variable}.",))
    if delivery.problems:
        return Answer(channel.name, CheckVerdict.WARNING, delivery.problems[0], ("Correct settings.yaml.",))
    summary = f"a test message was accepted for {describe_recipients(channel)}: look whether it arrived"
    return Answer(channel.name, CheckVerdict.OK, summary)
