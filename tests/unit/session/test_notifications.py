"""Commands tell what they found: once for each change of state, and without changing how they end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.sample_org import person
from support.servers.http_server import Reply
from support.servers.server_faults import ServerFaults
from support.servers.smtp import SmtpFaults, SmtpService
from support.servers.webhook import WebhookReceiver
from support.target_workspace import TargetWorkspace

from reconciler.commands.drift import DriftOptions, run_drift
from reconciler.commands.import_csv import ImportCsvOptions, run_import_csv
from reconciler.errors import ExitCode, LockedError, ReconcilerError, TargetError, UsageError
from reconciler.profiles import PROFILES
from reconciler.record.lock import LockWait, hold_lock
from reconciler.render.formats import OutputOptions
from reconciler.session import notification_channels, notifications
from reconciler.session.notifications import find_run_url, notify
from reconciler.session.run_events import RunEvents
from reconciler.session.workspace import current_time

SECRET = "hunter2-planted-secret"
FAIL_ALL = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)


@pytest.fixture
def mail(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpService]:
    """A mail server of this machine, and settings that tell it everything."""
    configure(target, on_failure=["mailto:it@example.com"])
    with SmtpService(faults=SmtpFaults(starttls=False)) as service:
        monkeypatch.setenv("RECONCILER_SMTP_URL", f"smtp://127.0.0.1:{service.port}?from=bot@example.com")
        yield service


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "RECONCILER_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)


def configure(target: TargetWorkspace, sections: dict[str, Any] | None = None, **lists: Any) -> None:
    target.files.settings(notifications=lists, **(sections or {}))


def subjects(service: SmtpService) -> list[str]:
    """The subjects of the mails so far, without what all of them have; they are forgotten."""
    found = [str(each.message["Subject"]).removeprefix("[Reconciler] ").partition(": ")[2] for each in service.mails]
    service.mails.clear()
    return found


def drift(target: TargetWorkspace) -> ExitCode:
    return run_drift(target.workspace, DriftOptions(None, OutputOptions("text"), False), target.terminal)


def test_failing_users_are_told_once_and_so_is_the_recovery(target: TargetWorkspace, mail: SmtpService) -> None:
    target.desire(person("ada"), person("bob"))
    target.service.faults = FAIL_ALL
    assert target.apply() is ExitCode.PARTIAL
    (found,) = mail.mails
    assert found.recipients == ("it@example.com",)
    assert "  - create, failed: 2 users\n" in found.text
    assert "ada" not in found.text, "names are left out"
    assert subjects(mail) == ["Apply incomplete"]
    assert target.apply(retry_failed=True) is ExitCode.PARTIAL
    assert subjects(mail) == []
    target.service.faults = ServerFaults()
    assert target.apply(retry_failed=True) is ExitCode.OK
    assert subjects(mail) == ["Apply works again"]
    assert target.apply() is ExitCode.OK
    assert subjects(mail) == []
    assert target.terminal.found == []


def test_names_are_told_if_asked_for_and_not_with_redact(target: TargetWorkspace, mail: SmtpService) -> None:
    configure(target, on_failure=["mailto:it@example.com"], names=True)
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    target.apply()
    assert f"Which ones\n  - {person('ada')['userPrincipalName']}\n" in mail.mails[0].text
    (target.workspace.plans / "notified.json").unlink()
    target.terminal.style = replace(target.terminal.style, redact=True)
    target.apply(retry_failed=True)
    assert "Which ones" not in mail.mails[1].text
    assert "ada" not in mail.mails[1].text


def test_a_service_that_refuses_before_there_is_a_plan(target: TargetWorkspace, mail: SmtpService) -> None:
    target.desire(person("ada"))
    right, target.service.token = target.service.token, "another"
    for told in (["Apply failed"], []):
        with pytest.raises(TargetError):
            target.apply()
        assert subjects(mail) == told
    target.service.token = right
    target.apply()
    assert subjects(mail) == ["Apply works again"]


def test_the_words_of_the_service_are_not_told(target: TargetWorkspace, mail: SmtpService) -> None:
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    target.apply()
    said = target.terminal.out
    assert "400" in said
    assert "400" not in mail.mails[0].text


def test_quarantine_begins_and_ends(target: TargetWorkspace, mail: SmtpService) -> None:
    configure(
        target,
        {"guards": {"failures": {"count": 3, "percent": 50, "floor": 0}}},
        on_failure=["mailto:it@example.com"],
        on_quarantine=["mailto:ops@example.com"],
    )
    target.desire(*(person(f"user{number}") for number in range(20)))
    target.service.faults = FAIL_ALL
    target.apply()
    (found,) = mail.mails
    assert found.recipients == ("ops@example.com",)
    assert subjects(mail) == ["Quarantine began"]
    target.apply(retry_failed=True)
    assert subjects(mail) == []
    target.service.faults = ServerFaults()
    target.apply(retry_failed=True)
    assert subjects(mail) == ["Quarantine ended"]


def test_a_blocked_apply(target: TargetWorkspace, mail: SmtpService) -> None:
    target.desire(person("ada"))
    target.apply()
    target.files.users([])
    assert target.apply() is ExitCode.BLOCKED
    assert "  - It was blocked by: " in mail.mails[0].text
    assert subjects(mail) == ["Apply blocked"]


def test_an_invalid_desired_state(target: TargetWorkspace, mail: SmtpService) -> None:
    target.files.write("users/people.yaml", "- [")
    assert target.apply() is ExitCode.ERROR
    assert subjects(mail) == ["Apply failed"]


def test_settings_that_cannot_be_read_tell_nobody_and_that_is_said(target: TargetWorkspace, mail: SmtpService) -> None:
    said = "No one was notified: settings.yaml cannot be read, and it names the recipients."
    good = json.loads((target.workspace.state / "settings.yaml").read_text())
    without = {key: value for key, value in good.items() if key != "notifications"}
    for wrong, warned in (
        (json.dumps({**good, "bogus": 1}), True),
        (json.dumps(good) + "]", True),
        ("\0", False),
        (json.dumps({**without, "bogus": 1}), False),
    ):
        target.files.write("settings.yaml", wrong)
        for run in (target.apply, lambda: drift(target)):
            target.terminal.found.clear()
            assert run() is ExitCode.ERROR
            assert target.terminal.summaries.count(said) == warned
        target.terminal.found.clear()
        notify(RunEvents("apply"), target.workspace, target.terminal, lambda: ExitCode.INTERRUPTED)
        assert target.terminal.found == [], "nothing was to be told"
    assert mail.connections == 0


def test_what_a_person_did_is_not_told(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.desire(person("ada"))
    monkeypatch.setattr("reconciler.commands.apply.ask_for_approval", lambda _terminal: False)
    assert target.apply(auto_approve=False) is ExitCode.ERROR
    for error in (KeyboardInterrupt(), UsageError("x"), LockedError("x")):

        def run(error: BaseException = error) -> ExitCode:
            raise error

        with pytest.raises(type(error)):
            notify(RunEvents("apply"), target.workspace, target.terminal, run)
    assert notify(RunEvents("apply"), target.workspace, target.terminal, lambda: ExitCode.INTERRUPTED) == 130
    assert subjects(mail) == []


def test_while_provisioning_is_off_nothing_is_told(target: TargetWorkspace, mail: SmtpService) -> None:
    configure(target, {"provisioning": {"enabled": False}}, on_failure=["mailto:it@example.com"])
    target.desire(person("ada"))
    assert target.apply() is ExitCode.OK
    assert subjects(mail) == []


def test_an_apply_of_some_users_ends_no_failure(target: TargetWorkspace, mail: SmtpService) -> None:
    ada, bob = person("ada"), person("bob")
    target.desire(ada, bob)
    target.service.faults = FAIL_ALL
    target.apply()
    target.service.faults = ServerFaults()
    assert target.apply(users=(ada["userPrincipalName"],)) is ExitCode.OK
    assert subjects(mail) == ["Apply incomplete"]
    target.apply(retry_failed=True)
    assert subjects(mail) == ["Apply works again"]


def test_an_apply_of_some_users_ends_no_quarantine(target: TargetWorkspace, mail: SmtpService) -> None:
    limits = {"guards": {"failures": {"count": 3, "percent": 50, "floor": 0}}}
    configure(target, limits, on_failure=["mailto:it@example.com"])
    users = [person(f"user{number}") for number in range(20)]
    target.desire(*users)
    target.service.faults = FAIL_ALL
    target.apply()
    assert subjects(mail) == ["Quarantine began"]
    target.service.faults = ServerFaults()
    assert target.apply(users=(users[7]["userPrincipalName"],), retry_failed=True) is ExitCode.OK
    assert subjects(mail) == []
    assert target.apply(retry_failed=True) is ExitCode.OK
    assert subjects(mail) == ["Quarantine ended"]


def test_drift_is_found_and_gone(target: TargetWorkspace, mail: SmtpService) -> None:
    target.desire(person("ada"))
    assert drift(target) is ExitCode.OK
    target.apply()
    assert subjects(mail) == [], "what is not applied yet is no drift"
    before = target.live("ada")["name"]["givenName"]
    target.live("ada")["name"]["givenName"] = "Edited"
    drift(target)
    drift(target)
    assert "Make the same edit in the desired state" in mail.mails[0].text
    assert subjects(mail) == ["Drift found, 1 user"]
    target.live("ada")["name"]["givenName"] = before
    drift(target)
    assert subjects(mail) == ["Drift is gone"]


def test_a_comparison_that_fails(target: TargetWorkspace, mail: SmtpService) -> None:
    right, target.service.token = target.service.token, "another"
    with pytest.raises(TargetError):
        drift(target)
    assert subjects(mail) == ["Comparison with the service failed"]
    target.service.token = right
    drift(target)
    assert subjects(mail) == ["Comparison with the service works again"]


def lose_accounts(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply users, and a day later cut the connection: the service shows neither them nor the keeper."""
    target.desire(*(person(f"user{number}") for number in range(12)))
    target.apply()
    later = target.workspace.now + timedelta(days=1)
    target.workspace = replace(target.workspace, now=later)
    monkeypatch.setattr(notifications, "current_time", lambda: later)
    target.service.users.clear()


def test_a_connection_that_was_cut_is_no_drift(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(target, on_failure=["mailto:it@example.com"], on_drift=["mailto:hr@example.com"])
    lose_accounts(target, monkeypatch)
    assert drift(target) is ExitCode.BLOCKED
    (found,) = mail.mails
    assert found.recipients == ("it@example.com",)
    assert "13 of 13 accounts that earlier applies left active are gone" in found.text
    assert "  - See docs/disconnect.md" in found.text
    assert "the same edit" not in found.text
    assert all(step in found.text for step in PROFILES["scim"].disconnect_steps)
    assert subjects(mail) == ["Comparison with the service blocked, nearly all accounts are gone"]
    assert target.apply() is ExitCode.BLOCKED
    assert subjects(mail) == ["Apply blocked, nearly all accounts are gone"]


def test_edits_that_the_next_apply_does_not_undo(target: TargetWorkspace, mail: SmtpService) -> None:
    configure(target, {"guards": {"updates": {"count": 1}}}, on_drift=["mailto:it@example.com"])
    target.desire(person("ada"), person("bob"))
    target.apply()
    for name in ("ada", "bob"):
        target.live(name)["name"]["givenName"] = "Edited"
    assert drift(target) is ExitCode.BLOCKED
    (found,) = mail.mails
    assert "  - The next apply would undo none of it: the plan is blocked by updates.\n" in found.text
    assert "Make the same edit" not in found.text
    assert subjects(mail) == ["Drift found, 2 users"]


def test_a_plan_tells_nothing(target: TargetWorkspace, mail: SmtpService) -> None:
    target.service.token = "another"
    with pytest.raises(TargetError):
        target.plan()
    assert mail.connections == 0


def test_a_token_that_expires_is_told_at_each_stage(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = current_time()
    expires = (now + timedelta(days=20)).date()
    base = json.loads((target.workspace.state / "settings.yaml").read_text())["target"]
    configure(target, {"target": {**base, "token_expires": str(expires)}}, on_failure=["mailto:it@example.com"])
    for days, told in ((0, "in 20 days"), (1, ""), (6, "in 14 days"), (19, "tomorrow"), (23, "3 days ago")):
        moment = now + timedelta(days=days)
        monkeypatch.setattr(notifications, "current_time", lambda moment=moment: moment)
        drift(target)
        found = [each for each in subjects(mail) if each.startswith("The token expire")]
        assert [told in each for each in found] == ([True] if told else []), (days, found)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_blocked_import(target: TargetWorkspace, mail: SmtpService, tmp_path: Path, *, dry_run: bool) -> None:
    file = tmp_path / "people.csv"
    file.write_text("userPrincipalName,objectId,displayName\nx@example.com,x,X\n")
    options = ImportCsvOptions(file, dry_run=dry_run)
    run_import_csv(target.workspace, options, target.terminal)
    with pytest.raises(ReconcilerError):
        run_import_csv(target.workspace, replace(options, file=tmp_path / "gone.csv"), target.terminal)
    assert subjects(mail) == ([] if dry_run else ["Import failed"])
    run_import_csv(target.workspace, options, target.terminal)
    assert subjects(mail) == ([] if dry_run else ["Import works again"])


def test_an_import_that_the_limit_of_removals_blocks(
    target: TargetWorkspace, mail: SmtpService, tmp_path: Path
) -> None:
    configure(target, {"guards": {"removals": {"count": 3}}}, on_failure=[], on_import=["mailto:hr@example.com"])
    rows = [f"p{number}@example.com,p-{number},P{number}" for number in range(30)]
    options = ImportCsvOptions(tmp_path / "people.csv", on_missing="remove")

    def bring(people: list[str]) -> ExitCode:
        options.file.write_text("\n".join(["userPrincipalName,objectId,displayName", *people, ""]))
        return run_import_csv(target.workspace, options, target.terminal)

    assert bring(rows) is ExitCode.OK
    assert bring(rows[:5]) is ExitCode.BLOCKED
    assert bring(rows[:5]) is ExitCode.BLOCKED
    assert [each.recipients for each in mail.mails] == [("hr@example.com",)]
    assert subjects(mail) == ["Import blocked"]
    assert bring(rows) is ExitCode.OK
    assert subjects(mail) == ["Import works again"]


# --- sending fails --------------------------------------------------------------------------------


def test_without_a_transport_it_is_said_and_told_by_the_next_run(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"smtp://127.0.0.1:{mail.port}?from=bot@example.com"
    monkeypatch.delenv("RECONCILER_SMTP_URL")
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    assert target.apply() is ExitCode.PARTIAL
    assert target.terminal.summaries == [
        "1 notification not sent by mail: RECONCILER_SMTP_URL is not set. The next run tries again."
    ]
    assert not (target.workspace.plans / "notified.json").exists()
    monkeypatch.setenv("RECONCILER_SMTP_URL", url)
    target.apply(retry_failed=True)
    assert subjects(mail) == ["Apply incomplete"]


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"data_code": 451}, "refuses the message (code 451)"),
        ({"refused": {"it@example.com": 550}}, "refuses all recipients (code 550)"),
        ({"greeting": b"nonsense\r\n"}, "sent no valid answer to the connection"),
    ],
)
def test_what_fails_is_one_line_and_changes_no_exit_code(
    faults: dict[str, Any], said: str, target: TargetWorkspace, mail: SmtpService
) -> None:
    mail.faults = replace(mail.faults, echo=True, **faults)
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    assert target.apply() is ExitCode.PARTIAL
    assert target.terminal.summaries == [
        f"1 notification not sent by mail: the mail server 127.0.0.1:{mail.port} {said}. The next run tries again."
    ]
    mail.faults = SmtpFaults(starttls=False)
    target.apply(retry_failed=True)
    assert subjects(mail) == ["Apply incomplete"]


def test_some_recipients_are_refused(target: TargetWorkspace, mail: SmtpService) -> None:
    configure(target, on_failure=["mailto:gone@example.com", "mailto:it@example.com"])
    mail.faults = replace(mail.faults, refused={"gone@example.com": 550})
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    target.apply()
    said = 'the mail server refuses "gone@example.com" (code 550); the others were notified.'
    assert target.terminal.summaries == [f"Notified by mail, not all recipients: {said}"]
    target.apply(retry_failed=True)
    assert subjects(mail) == ["Apply incomplete"]


def test_a_server_that_keeps_a_run_waiting_is_given_up(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "SECONDS", 0.5)
    mail.faults = replace(mail.faults, greeting_drip=0.2)
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    begun = current_time()
    assert target.apply() is ExitCode.PARTIAL
    assert current_time() - begun < timedelta(seconds=5)
    assert target.terminal.summaries == [
        "1 notification not sent by mail: it was given up after 0.5 seconds. The next run tries again."
    ]


def test_a_bug_in_sending_changes_nothing_either(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    monkeypatch.setattr(notification_channels, "render_notification", fail)
    assert target.apply() is ExitCode.PARTIAL
    monkeypatch.setattr(notifications, "find_news", fail)
    assert target.apply(retry_failed=True) is ExitCode.PARTIAL
    monkeypatch.setattr(notifications, "find_news", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert target.apply(retry_failed=True) is ExitCode.PARTIAL
    assert target.terminal.summaries == [
        "1 notification not sent by mail: it failed (RuntimeError). The next run tries again.",
        "Notifications failed: RuntimeError. The next run tries again.",
        "Notifications were interrupted. The next run tries again.",
    ]
    assert mail.mails == []


# --- several runs at once -------------------------------------------------------------------------


def fail(target: TargetWorkspace, command: str) -> None:
    """End a run of `command` with an error, and tell it."""
    notify(RunEvents(command), target.workspace, target.terminal, lambda: ExitCode.ERROR)


def test_runs_at_once_tell_nothing_twice_and_forget_nothing(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(target, on_failure=["webhook:json"])
    with WebhookReceiver(Reply(status=200, wait=1)) as receiver:
        monkeypatch.setenv("RECONCILER_WEBHOOK_URL", receiver.url)
        runs = [threading.Thread(target=fail, args=(target, command)) for command in ("drift", "apply", "drift")]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert sorted(each["topic"] for each in receiver.documents) == ["apply", "drift"]
    topics = json.loads((target.workspace.plans / "notified.json").read_text())["topics"]
    assert sorted(each["subject"] for each in topics) == ["apply", "drift"]
    assert target.terminal.found == []


def notification_lock(target: TargetWorkspace) -> Path:
    lock = target.workspace.lock(target.state().target)
    return lock.with_name(f"{lock.stem}-notifications.lock")


def test_a_run_that_has_to_wait_for_long_tells_nothing_and_says_so(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "SECONDS", 1)
    with hold_lock(notification_lock(target), LockWait(0, print)):
        fail(target, "apply")
    assert target.terminal.summaries == [
        "No one was notified: another run is sending notifications. The next run tries again."
    ]
    assert subjects(mail) == []
    fail(target, "apply")
    assert subjects(mail) == ["Apply failed"]


def test_where_no_lock_can_be_made_it_is_told_without(target: TargetWorkspace, mail: SmtpService) -> None:
    notification_lock(target).mkdir(parents=True)
    fail(target, "apply")
    assert subjects(mail) == ["Apply failed"]
    assert target.terminal.found == []


# --- channels, record, GitHub ---------------------------------------------------------------------


def test_each_channel_is_told_by_itself(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(target, on_failure=["mailto:it@example.com", "webhook:slack"])
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    with WebhookReceiver(Reply(status=500, body=SECRET.encode()), Reply(status=200)) as receiver:
        monkeypatch.setenv("RECONCILER_WEBHOOK_URL", receiver.url)
        target.apply()
        assert subjects(mail) == ["Apply incomplete"]
        assert target.terminal.summaries == [
            "1 notification not sent by webhook: the webhook answered 500. The next run tries again."
        ]
        target.apply(retry_failed=True)
        target.apply(retry_failed=True)
    assert subjects(mail) == []
    assert len(receiver.requests) == 2
    assert receiver.documents[1]["text"].startswith("Apply incomplete.\n")


def test_no_secret_is_anywhere(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(target, on_failure=["mailto:it@example.com", "webhook:json"])
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    monkeypatch.setenv("RECONCILER_SMTP_URL", f"smtp://bot%40example.com:{SECRET}@127.0.0.1:{mail.port}")
    with WebhookReceiver(Reply(status=400, body=SECRET.encode())) as receiver:
        monkeypatch.setenv("RECONCILER_WEBHOOK_URL", receiver.url)
        target.apply(log=tmp_path / "log.jsonl")
    assert len(target.terminal.found) == 2
    shown = repr((target.terminal.out, target.terminal.notes, target.terminal.errors, target.terminal.found))
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (SECRET, "planted", "bot@example.com", "/services/"):
        assert secret not in shown
        assert secret not in written


def test_the_sandbox_sends_to_this_machine_only(
    target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = replace(target.workspace, sandbox=True)
    run_failed = lambda: notify(RunEvents("apply"), workspace, target.terminal, lambda: ExitCode.ERROR)  # noqa: E731
    run_failed()
    assert subjects(mail) == ["Apply failed"]
    assert not (target.workspace.plans / "notified.json").exists(), "the sandbox has a record of its own"
    (workspace.record / "notified.json").unlink()
    monkeypatch.setenv("RECONCILER_SMTP_URL", f"smtp://u%40example.com:{SECRET}@mail.example.com")
    run_failed()
    assert target.terminal.found == []


def test_nothing_is_read_or_written_without_recipients(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.faults = FAIL_ALL
    target.apply()
    assert not (target.workspace.plans / "notified.json").exists()
    assert target.terminal.found == []


@pytest.mark.parametrize("branch", [None, "record"])
def test_a_runner_without_a_record_branch_knows_nothing_of_earlier_messages(
    branch: str | None, target: TargetWorkspace, mail: SmtpService, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = json.loads((target.workspace.state / "settings.yaml").read_text())["target"]
    expires = str((current_time() + timedelta(days=20)).date())
    sections = {"target": {**base, "token_expires": expires}, **({"record": {"branch": branch}} if branch else {})}
    configure(target, sections, on_failure=["mailto:it@example.com"])
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/people")
    drift(target)
    told = [each.text for each in mail.mails]
    assert len(told) == (1 if branch else 0), "20 is no day of a stage"
    assert all("Run:       https://github.com/example/people/actions/runs/17\n" in each for each in told)


@pytest.mark.parametrize(
    ("server", "repository"),
    [
        ("http://github.com", "example/people"),
        ("https://github.com\nevil", "example/people"),
        ("https://u:p@github.com", "example/people"),
        ("https://github.com", "example/people?x="),
        ("javascript:", "example/people"),
        ("", ""),
    ],
)
def test_a_url_that_is_none_of_github_is_left_out(server: str, repository: str) -> None:
    given = {"GITHUB_SERVER_URL": server, "GITHUB_REPOSITORY": repository, "GITHUB_RUN_ID": "17"}
    assert find_run_url(given) == ""
