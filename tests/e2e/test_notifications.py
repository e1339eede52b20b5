"""The installed command sends mail by TLS of a private authority, and a webhook, and ends as it would have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from support.certificates import private_authority
from support.command import TOKEN, CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.servers.http_server import Reply
from support.servers.smtp import PASSWORD, USER, SmtpFaults, SmtpService
from support.servers.webhook import WebhookReceiver
from support.workspace import CommandResult

LISTS = {"on_failure": ["mailto:it@example.com", "webhook:slack"], "names": True}


@dataclass
class Told:
    """A workspace whose service refuses every write, with a mail server and a webhook."""

    work: CommandWorkspace
    mail: SmtpService
    hook: WebhookReceiver
    environment: dict[str, str]

    def apply(self, *arguments: str, **more: str) -> CommandResult:
        """Run `apply`; no output and no file has a secret."""
        line = ("apply", "--auto-approve", "--retry-failed", *arguments)
        result = self.work.command(*line, env={**self.environment, **more})
        written = [path for path in self.work.root.rglob("*") if path.is_file() and path.suffix != ".pem"]
        everything = result.out + result.err + "".join(path.read_text(errors="replace") for path in written)
        for secret in (TOKEN, PASSWORD, USER, USER.replace("@", "%40"), "/services/", "planted"):
            assert secret not in everything
        assert "Traceback" not in result.err
        return result


@pytest.fixture
def told(open_command_workspace: OpenCommandWorkspace) -> Iterator[Told]:
    work = open_command_workspace()
    work.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
    authority = private_authority()
    work.settings(notifications=LISTS)
    work.users(sample_users(2)[1])
    with ExitStack() as stack:
        mail = stack.enter_context(SmtpService(authority.serve("127.0.0.1")))
        hook = stack.enter_context(WebhookReceiver(Reply(status=200)))
        environment = {
            "RECONCILER_SMTP_URL": mail.url(),
            "RECONCILER_WEBHOOK_URL": hook.url,
            "RECONCILER_CA_BUNDLE": str(authority.write(work.root)),
        }
        yield Told(work, mail, hook, environment)


def test_a_failed_apply_is_told_by_tls_of_a_private_authority(told: Told) -> None:
    first = told.apply()
    assert first.code == 5
    assert "otification" not in first.err
    (found,) = told.mail.mails
    assert (found.encrypted, found.user, found.recipients) == (True, USER, ("it@example.com",))
    assert found.message["Subject"] == "[Reconciler] SCIM service: Apply incomplete"
    assert "Which ones\n" in found.text
    assert told.hook.documents[0]["text"].startswith("Apply incomplete.\n")
    assert told.apply().code == 5
    assert (len(told.mail.mails), len(told.hook.requests)) == (1, 1)


def test_redact_names_nobody(told: Told) -> None:
    told.apply("--redact")
    assert "Which ones" not in told.mail.mails[0].text
    assert "Which ones" not in told.hook.documents[0]["text"]


def test_redact_hides_recipients_that_are_refused(told: Told) -> None:
    told.mail.faults = SmtpFaults(refused={"gone@example.com": 550})
    told.work.settings(notifications={"on_failure": ["mailto:gone@example.com", "mailto:it@example.com"]})
    result = told.apply("--redact")
    assert "Notified by mail, not all recipients: the mail server refuses (hidden) (code 550)" in result.err
    assert "gone@example.com" not in result.err


def test_a_problem_is_one_line_and_the_result_is_the_same(told: Told) -> None:
    told.mail.faults = SmtpFaults(login_code=535, echo=True)
    quiet = {"RECONCILER_WEBHOOK_URL": ""}
    result = told.apply("-q", **quiet)
    assert result.code == 5
    assert "Apply incomplete" in result.out or "failed" in result.out
    lines = [line for line in result.err.splitlines() if "otification" in line]
    why = f"the mail server 127.0.0.1:{told.mail.port} refuses user and password (code 535)"
    assert lines == [
        f"Warning: 1 notification not sent by mail: {why}. The next run tries again.",
        "Warning: 1 notification not sent by webhook: RECONCILER_WEBHOOK_URL is not set. The next run tries again.",
    ]


def test_without_the_authority_nothing_is_sent(told: Told) -> None:
    result = told.apply(RECONCILER_CA_BUNDLE="")
    assert result.code == 5
    assert "not sent by mail: the mail server's certificate is not accepted" in result.err
    assert told.mail.logins == []


@pytest.mark.slow
def test_a_server_that_drips_delays_a_run_by_fifteen_seconds(told: Told) -> None:
    told.mail.faults = SmtpFaults(greeting_drip=0.9)
    begun = time.monotonic()
    result = told.apply()
    assert 14 < time.monotonic() - begun < 22
    assert result.code == 5
    assert "not sent by mail: it was given up after 15 seconds" in result.err
    assert len(told.hook.requests) == 1
