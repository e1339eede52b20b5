"""How notifications are sent: the only reader of RECONCILER_SMTP_URL and RECONCILER_WEBHOOK_URL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.text import pluralize, quote
from reconciler.desired import schema
from reconciler.desired.recipients import Mailbox, WebhookFormat, find_recipients
from reconciler.errors import NotificationError, ReconcilerError
from reconciler.notify.event import EventKind
from reconciler.notify.mail import build_mail
from reconciler.notify.news import News
from reconciler.notify.smtp import SMTP_URL, SmtpServer, describe_refusals, open_smtp, parse_smtp_url
from reconciler.notify.webhook import WEBHOOK_URL, Webhook, open_webhook, parse_webhook_url
from reconciler.render.notification import MessageContext, NotificationText, render_notification
from reconciler.render.webhook_messages import render_webhook
from reconciler.scim.transport import load_certificate_authorities
from reconciler.session.network import read_network

MAIL, WEBHOOK = "mail", "webhook"
"""The channels, as their states are kept."""
SECONDS = 30.0
"""For all messages of a run; each channel gets an equal share."""
_LISTS = {
    EventKind.FAILURE: "on_failure",
    EventKind.QUARANTINE: "on_quarantine",
    EventKind.DRIFT: "on_drift",
    EventKind.EXPIRY: "on_expiry",
    EventKind.IMPORT: "on_import",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to send, and who gets what. `mailboxes`: by kind, addresses; `formats`: by kind, those of the webhook."""

    name: str
    variable: str
    mailboxes: Mapping[EventKind, tuple[str, ...]] = field(default_factory=dict)
    formats: Mapping[EventKind, tuple[WebhookFormat, ...]] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[EventKind]:
        """The kinds of events that someone gets."""
        return frozenset(kind for kind in EventKind if self.mailboxes.get(kind) or self.formats.get(kind))


@dataclass(slots=True)
class Delivery:
    """What became of the messages of one channel. `problems`: one line each, untrusted values in quotes."""

    sent: list[News] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find_channels(settings: schema.NotificationSettings) -> list[Channel]:
    """Return the channels that the settings name recipients for, whether the environment says how to send or not.

    A test message goes to all of them.
    """
    mailboxes: dict[EventKind, tuple[str, ...]] = {}
    formats: dict[EventKind, tuple[WebhookFormat, ...]] = {}
    for kind, name in _LISTS.items():
        found = find_recipients(settings, name)
        mailboxes[kind] = tuple(each.address for each in found if isinstance(each, Mailbox))
        formats[kind] = tuple(each for each in found if isinstance(each, WebhookFormat))
    mailboxes[EventKind.TEST] = tuple(dict.fromkeys(each for found in mailboxes.values() for each in found))
    formats[EventKind.TEST] = tuple(dict.fromkeys(each for found in formats.values() for each in found))
    channels = (Channel(MAIL, SMTP_URL, mailboxes=mailboxes), Channel(WEBHOOK, WEBHOOK_URL, formats=formats))
    return [channel for channel in channels if channel.kinds]


def read_smtp(environment: Mapping[str, str] = os.environ) -> SmtpServer | None:
    """Read the mail server; None if none is set. Raises `NotificationError`."""
    text = environment.get(SMTP_URL, "").strip()
    return parse_smtp_url(text) if text else None


def read_webhook(environment: Mapping[str, str] = os.environ) -> Webhook | None:
    """Read the address of the webhook; None if none is set. Raises `NotificationError`."""
    text = environment.get(WEBHOOK_URL, "").strip()
    return parse_webhook_url(text) if text else None


def deliver(
    channel: Channel,
    news: Sequence[News],
    context: MessageContext,
    environment: Mapping[str, str] = os.environ,
    *,
    seconds: float = SECONDS,
    local_only: bool = False,
) -> Delivery:
    """Send messages by one channel, within `seconds`. Raises nothing: what fails is a problem of the delivery.

    `local_only`: to this machine alone, as from the sandbox; other destinations get nothing, which is no problem.
    """
    delivery = Delivery()

    def work() -> None:
        try:
            _send_all(channel, news, context, environment, delivery, local_only=local_only)
        except ReconcilerError as exc:
            delivery.problems.append(exc.summary)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it must not change how the command ends
            delivery.problems.append(f"it failed ({type(exc).__name__})")

    _run_within(seconds, work, lambda: delivery.problems.append(f"it was given up after {round(seconds, 1):g} seconds"))
    return delivery


def _run_within(seconds: float, work: Callable[[], None], give_up: Callable[[], None]) -> None:
    """Run `work` in a thread that does not keep the process alive: looking up a host name has no time limit."""
    thread = threading.Thread(target=work, name="notifications", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        give_up()


def _send_all(
    channel: Channel,
    news: Sequence[News],
    context: MessageContext,
    environment: Mapping[str, str],
    delivery: Delivery,
    *,
    local_only: bool,
) -> None:
    """Send until one fails: the next would fail for the same reason."""
    with ExitStack() as stack:
        send = _open(channel, context.now, environment, stack, delivery, local_only=local_only)
        if send is None:
            return
        for each in news:
            send(render_notification(each, context))
            delivery.sent.append(each)


_Send = Callable[[NotificationText], None]


def _open(
    channel: Channel,
    now: datetime,
    environment: Mapping[str, str],
    stack: ExitStack,
    delivery: Delivery,
    *,
    local_only: bool,
) -> _Send | None:
    """Open a channel; None if it is not to be used. Raises `ReconcilerError`."""
    where = read_smtp(environment) if channel.name == MAIL else read_webhook(environment)
    if where is None:
        raise NotificationError(f"{channel.variable} is not set")
    if local_only and not where.is_local:
        return None
    network = read_network(environment)
    if isinstance(where, Webhook):
        client = stack.enter_context(open_webhook(where, network))

        def post(found: NotificationText) -> None:
            for each in channel.formats[found.news.event.kind]:
                client.send(render_webhook(found, each))

        return post
    connection = stack.enter_context(open_smtp(where, load_certificate_authorities(network)))
    sender = where.sender

    def mail(found: NotificationText) -> None:
        recipients = channel.mailboxes[found.news.event.kind]
        message = build_mail(found.subject, found.text, sender, recipients, thread=found.thread, now=now)
        refused = connection.send(message, recipients)
        if refused:
            delivery.problems.append(describe_refusals(refused))

    return mail


def describe_problems(channel: Channel, delivery: Delivery, news: Sequence[News]) -> Iterator[str]:
    """Yield one line for each problem of a delivery."""
    left = len(news) - len(delivery.sent)
    for problem in delivery.problems:
        if left:
            yield f"{pluralize(left, 'notification')} not sent by {channel.name}: {problem}. The next run tries again."
        else:
            yield f"Notified by {channel.name}, not all recipients: {problem}."


def describe_recipients(channel: Channel) -> str:
    """Return who is notified by a channel, in quotes."""
    formats = channel.formats.get(EventKind.TEST, ())
    return ", ".join(map(quote, channel.mailboxes.get(EventKind.TEST, ()))) or ", ".join(formats)
