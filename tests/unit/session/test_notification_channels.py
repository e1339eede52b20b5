"""Who gets what by which channel, and what is said about problems."""

from __future__ import annotations

import pytest
from support.builders import NOW, TARGET
from support.notifications import failure

from reconciler.desired import schema
from reconciler.errors import NotificationError
from reconciler.notify.event import EventKind
from reconciler.notify.news import News
from reconciler.record.notified import TopicKey
from reconciler.render.notification import MessageContext
from reconciler.session.notification_channels import (
    Channel,
    deliver,
    describe_problems,
    describe_recipients,
    find_channels,
    read_smtp,
    read_webhook,
)

NEWS = News(failure(), TopicKey("mail", "failure", "apply"), NOW, None, 0)
CONTEXT = MessageContext(TARGET, NOW)


def channels(**lists: list[str] | None) -> dict[str, Channel]:
    found = find_channels(schema.NotificationSettings(**lists))  # type: ignore[arg-type]
    return {channel.name: channel for channel in found}


def test_each_kind_has_its_recipients_and_a_test_goes_to_all() -> None:
    found = channels(on_failure=["mailto:a@b.example", "webhook:json"], on_drift=["mailto:c@d.example"], on_import=[])
    assert found.keys() == {"mail", "webhook"}
    assert found["mail"].mailboxes[EventKind.QUARANTINE] == ("a@b.example",)
    assert found["mail"].mailboxes[EventKind.DRIFT] == ("c@d.example",)
    assert found["mail"].mailboxes[EventKind.TEST] == ("a@b.example", "c@d.example")
    assert found["webhook"].kinds == frozenset(EventKind) - {EventKind.DRIFT, EventKind.IMPORT}
    assert describe_recipients(found["mail"]) == '"a@b.example", "c@d.example"'
    assert describe_recipients(found["webhook"]) == "json"
    assert channels() == {}


@pytest.mark.parametrize(
    ("name", "environment", "problem"),
    [
        ("mail", {}, "RECONCILER_SMTP_URL is not set"),
        ("mail", {"RECONCILER_SMTP_URL": " "}, "RECONCILER_SMTP_URL is not set"),
        (
            "mail",
            {"RECONCILER_SMTP_URL": "planted"},
            "RECONCILER_SMTP_URL is not the URL of a mail server: it does not begin with smtp:// or smtps://",
        ),
        ("webhook", {}, "RECONCILER_WEBHOOK_URL is not set"),
        (
            "webhook",
            {"RECONCILER_WEBHOOK_URL": "http://planted.example.com"},
            "RECONCILER_WEBHOOK_URL is not the address of a webhook: it would send messages unencrypted",
        ),
        (
            "webhook",
            {"RECONCILER_WEBHOOK_URL": "https://hooks.example.com/x", "RECONCILER_PROXY": "planted"},
            "RECONCILER_PROXY is not the URL of a proxy: it does not begin with http:// or https://",
        ),
    ],
)
def test_an_environment_that_says_nothing_usable_is_a_problem(
    name: str, environment: dict[str, str], problem: str
) -> None:
    channel = channels(on_failure=["mailto:a@b.example", "webhook:json"])[name]
    delivery = deliver(channel, [NEWS], CONTEXT, environment)
    assert (delivery.sent, delivery.problems) == ([], [problem])
    (line,) = describe_problems(channel, delivery, [NEWS])
    assert line == f"1 notification not sent by {name}: {problem}. The next run tries again."


def test_the_environment_is_read() -> None:
    assert read_smtp({}) is None
    assert read_webhook({}) is None
    with pytest.raises(NotificationError):
        read_smtp({"RECONCILER_SMTP_URL": "x"})
    server = read_smtp({"RECONCILER_SMTP_URL": " smtp://127.0.0.1:25?from=a@b.example\n"})
    assert server is not None
    assert server.is_local
