"""Whether messages could be sent, and with --notify whether one is accepted, by each channel that has recipients."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.checks import ask_all, show
from support.servers.http_server import Reply
from support.servers.smtp import SmtpFaults, SmtpService
from support.servers.webhook import WebhookReceiver
from support.target_workspace import TargetWorkspace

from reconciler.session.checks.context import CheckGroup, open_context
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.notifications import QUESTIONS, ask_notifications

FILES = CheckGroup(ask_files, ("desired_state", "target"))
MESSAGES = CheckGroup(ask_notifications, QUESTIONS)
BOTH = ["mailto:it@example.com", "mailto:ops@example.com", "webhook:teams"]
WHO = "ok notifications: 2 recipients by mail and 1 recipient by webhook"


def ask(target: TargetWorkspace, environment: dict[str, str] | None = None, **options: bool) -> list[str]:
    with ExitStack() as resources:
        context = open_context(target.workspace, target.terminal, resources, environment=environment or {}, **options)
        return list(show(ask_all(context, FILES, MESSAGES)))[2:]


def configure(target: TargetWorkspace, recipients: list[str]) -> None:
    target.files.settings(notifications={"on_failure": recipients[:1], "on_drift": recipients})


def test_without_recipients_only_a_test_is_a_warning(target: TargetWorkspace) -> None:
    assert ask(target) == ["ok notifications: settings.yaml names no recipients"]
    assert ask(target, notify=True) == [
        "warning notifications: settings.yaml names no recipients | Add some to `notifications` in settings.yaml."
    ]


def test_without_a_transport(target: TargetWorkspace) -> None:
    configure(target, BOTH)
    for notify, verdict in ((False, "warning"), (True, "failed")):
        shown = "\n".join(ask(target, notify=notify))
        assert WHO in shown
        assert f"{verdict} mail: RECONCILER_SMTP_URL is not set, so nothing is sent" in shown
        assert f"{verdict} webhook: RECONCILER_WEBHOOK_URL is not set, so nothing is sent" in shown


def test_a_variable_that_cannot_be_used_fails_without_its_value(target: TargetWorkspace) -> None:
    configure(target, BOTH)
    shown = "\n".join(
        ask(target, {"RECONCILER_SMTP_URL": "planted", "RECONCILER_WEBHOOK_URL": "http://planted.example"})
    )
    assert "failed mail: RECONCILER_SMTP_URL is not the URL of a mail server: it does not begin with smtp://" in shown
    assert "failed webhook: RECONCILER_WEBHOOK_URL is not the address of a webhook: it would send" in shown
    assert "planted" not in shown


def test_nothing_is_sent_unless_asked_for(target: TargetWorkspace) -> None:
    configure(target, BOTH)
    with SmtpService(faults=SmtpFaults(starttls=False)) as mail, WebhookReceiver() as hook:
        given = {
            "RECONCILER_SMTP_URL": f"smtp://127.0.0.1:{mail.port}?from=bot@example.com",
            "RECONCILER_WEBHOOK_URL": hook.url,
        }
        assert ask(target, given) == [
            WHO,
            "ok mail: RECONCILER_SMTP_URL is set; `reconciler check --notify` sends a test message",
            "ok webhook: RECONCILER_WEBHOOK_URL is set; `reconciler check --notify` sends a test message",
        ]
        assert ask(target, given, notify=True, offline=True)[1:] == [
            "skipped mail: no test message was sent (--offline)",
            "skipped webhook: no test message was sent (--offline)",
        ]
        assert (mail.connections, hook.requests) == (0, [])
        assert ask(target, given, notify=True) == [
            WHO,
            'ok mail: a test message was accepted for "it@example.com", "ops@example.com": look whether it arrived',
            "ok webhook: a test message was accepted for teams: look whether it arrived",
        ]
    (sent,) = mail.mails
    assert sent.recipients == ("it@example.com", "ops@example.com")
    assert sent.text.startswith("Test message.\n")
    assert [each["type"] for each in hook.documents] == ["message"]
    assert not (target.workspace.plans / "notified.json").exists(), "a test is no change of state"


@pytest.mark.parametrize("code", [550, 451])
def test_what_is_refused_fails(target: TargetWorkspace, code: int) -> None:
    configure(target, BOTH)
    faults = SmtpFaults(starttls=False, refused={"ops@example.com": code})
    with SmtpService(faults=faults) as mail, WebhookReceiver(Reply(status=410)) as hook:
        given = {
            "RECONCILER_SMTP_URL": f"smtp://127.0.0.1:{mail.port}?from=bot@example.com",
            "RECONCILER_WEBHOOK_URL": hook.url,
        }
        shown = "\n".join(ask(target, given, notify=True))
        assert (
            f'warning mail: the mail server refuses "ops@example.com" (code {code}); the others were notified' in shown
        )
        assert "failed webhook: the webhook answered 410" in shown
        faults.refused["it@example.com"] = code
        shown = "\n".join(ask(target, given, notify=True))
    assert f"failed mail: the mail server 127.0.0.1:{mail.port} refuses all recipients (code {code})" in shown
