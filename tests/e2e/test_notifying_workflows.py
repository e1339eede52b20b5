"""The workflows apply and drift tell each change of state once, on runners that begin with nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers.http_server import Reply
from support.servers.smtp import SmtpFaults, SmtpService
from support.servers.webhook import WebhookReceiver
from support.workflow_runner import Job, git
from support.workflow_scenario import ADA, GRACE, WorkflowScenario

from reconciler.sandbox.seed import edit_user

RECIPIENTS = """
notifications:
  on_failure: ["mailto:it@example.com", "webhook:json"]
"""


@pytest.fixture
def mail() -> Iterator[SmtpService]:
    with SmtpService(faults=SmtpFaults(starttls=False)) as service:
        yield service


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(Reply(status=202)) as receiver:
        yield receiver


@pytest.fixture
def scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail: SmtpService, hook: WebhookReceiver
) -> Iterator[WorkflowScenario]:
    opened = WorkflowScenario(tmp_path, monkeypatch)
    settings = opened.origin / "desired-state" / "settings.yaml"
    settings.write_text(settings.read_text() + RECIPIENTS)
    opened.commit("Tell it@example.com")
    opened.runner.secrets = {
        **opened.runner.secrets,
        "RECONCILER_SMTP_URL": f"smtp://127.0.0.1:{mail.port}?from=bot@example.com",
        "RECONCILER_WEBHOOK_URL": hook.url,
    }
    yield opened
    opened.close()


def drift(scenario: WorkflowScenario) -> Job:
    """Run the jobs `drift` and `record`."""
    job = scenario.drift().job
    main = git(scenario.origin, "rev-parse", "main")
    record = scenario.runner.job("drift.yml", "record", "schedule", main, needs={"drift": job})
    assert record.code == 0, record.steps
    return job


def headlines(mail: SmtpService) -> list[str]:
    found = [each.text.partition(".\n")[0] for each in mail.mails]
    mail.mails.clear()
    return found


def test_drift_is_told_when_it_is_found_and_when_it_is_gone(
    scenario: WorkflowScenario, mail: SmtpService, hook: WebhookReceiver
) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    assert scenario.plan(head).code == 0
    merged = scenario.merge(head)
    scenario.record(merged, scenario.apply(merged))
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    for told in (["Drift found, 1 user"], []):
        job = drift(scenario)
        assert job.code == 0, job.steps
        assert headlines(mail) == told
    edit_user(scenario.file, ADA, {"enterprise:department": "IT"})
    drift(scenario)
    assert headlines(mail) == ["Drift is gone"]
    assert [(each["kind"], each["ended"]) for each in hook.documents] == [("drift", False), ("drift", True)]
    assert hook.documents[0]["run_url"] is None, "the stand-in of GitHub speaks http"
    written = git(scenario.origin, "show", "reconciler-record:plans/notified.json")
    for secret in ("it@example.com", "127.0.0.1", "hunter2", GRACE, ADA):
        assert secret not in written
    assert git(scenario.origin, "log", "-1", "--format=%s", "reconciler-record") == "Record what was notified"


def test_a_failed_apply_is_told_once(scenario: WorkflowScenario, mail: SmtpService) -> None:
    scenario.runner.secrets = {**scenario.runner.secrets, "RECONCILER_TOKEN": "wrong"}
    head = scenario.branch(lambda: scenario.add(GRACE))
    scenario.plan(head)
    assert mail.connections == 0, "a plan of a pull request tells nothing"
    for told in (["Comparison with the service failed"], []):
        assert drift(scenario).code != 0
        assert headlines(mail) == told
