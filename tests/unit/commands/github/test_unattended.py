"""Whether a run may apply without a review; the way there is in tests/e2e/test_sync_workflow.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.git_repository import GitRepository
from support.servers.git_http import GitServer
from support.servers.github_api import Token
from support.workflow_runner import git
from support.workflow_step import Step

from reconciler.commands.github.unattended import run_unattended
from reconciler.errors import ExitCode, RepositoryError
from reconciler.github.api import GitHubError

SETTINGS: dict[str, Any] = {
    "target": {"profile": "scim", "base_url": "https://scim.example.com"},
    "record": {"branch": "reconciler-record"},
    "unattended": {"updates": 5},
}


SENT_NOTHING = {"Apply": "success", "Confirm that nothing was sent": "success"}


@pytest.fixture
def origin(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitRepository]:
    """A repository whose newest commit the step has checked out."""
    made = GitRepository(tmp_path / "origin")
    made.commit("Begin", {"desired-state/settings.yaml": json.dumps(SETTINGS)})
    opened = GitServer(made.root, lambda: {"t": Token(permissions={"contents": "read"})})
    monkeypatch.setenv("GITHUB_SERVER_URL", opened.url)
    root = step.workspace.state.parent
    git(root, "init", "--quiet")
    git(root, "fetch", "--quiet", str(made.root), "main")
    git(root, "checkout", "--quiet", "--force", "-B", "main", "FETCH_HEAD")
    yield made
    opened.close()


def settings(step: Step, **changes: Any) -> None:
    content = {key: value for key, value in {**SETTINGS, **changes}.items() if value is not None}
    (step.workspace.state / "settings.yaml").write_text(json.dumps(content))


def run(step: Step, *, redact: bool = False) -> str:
    assert run_unattended(step.workspace, step.terminal, redact=redact) is ExitCode.OK
    return step.outputs.read_text()


@pytest.mark.usefixtures("origin")
def test_with_limits_and_a_record_at_the_newest_commit_it_may(step: Step) -> None:
    run_ = step.api.run(1, "apply.yml", "push", status="completed", conclusion="success")
    step.api.job(run_, "apply", SENT_NOTHING)
    assert run(step) == "enabled=true\n"
    assert (step.terminal.out, step.summary.exists()) == ("", False)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"unattended": None}, "settings.yaml has no `unattended`"),
        ({"record": None}, "settings.yaml has no `record: {branch: …}`"),
        ({"provisioning": {"enabled": False, "reason": "Ada\n::error::"}}, 'provisioning is off: "Ada\\n::error::"'),
    ],
)
@pytest.mark.usefixtures("origin")
def test_what_the_settings_lack_is_said(changes: dict[str, Any], why: str, step: Step) -> None:
    settings(step, **changes)
    assert run(step) == "enabled=false\n"
    assert f"Nothing is applied by this run: {why}" in step.summary.read_text()
    assert step.terminal.out.startswith(
        "::notice title=Nothing is applied unattended::Nothing is applied by this run: "
    )


@pytest.mark.usefixtures("origin")
def test_a_redacted_reason_is_hidden(step: Step) -> None:
    settings(step, provisioning={"enabled": False, "reason": "Ada leaves"})
    run(step, redact=True)
    assert "Ada" not in step.terminal.out + step.summary.read_text()


def test_a_commit_that_is_not_the_newest_is_for_the_next_cycle(step: Step, origin: GitRepository) -> None:
    tip = origin.commit("More", {"a": "b"})
    assert run(step) == "enabled=false\n"
    assert f"main has moved on to {tip[:12]} since this run began" in step.summary.read_text()


@pytest.mark.parametrize("status", ["queued", "waiting", "in_progress", "pending"])
@pytest.mark.usefixtures("origin")
def test_an_apply_that_has_not_ended_goes_first(status: str, step: Step) -> None:
    step.api.run(1, "apply.yml", "push", status=status)
    done = step.api.run(2, "apply.yml", "push", status="completed", conclusion="success")
    step.api.job(done, "apply", SENT_NOTHING)
    assert run(step) == "enabled=false\n"
    assert "Run 1 of the apply workflow, for commit cccccccccccc, has not ended" in step.summary.read_text()


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "skipped"])
@pytest.mark.usefixtures("origin")
def test_an_apply_that_people_did_not_let_through_is_not_made_here(conclusion: str, step: Step) -> None:
    done = step.api.run(1, "apply.yml", "push", status="completed", conclusion=conclusion)
    step.api.job(done, "apply", {}, conclusion=conclusion)
    assert run(step) == "enabled=false\n"
    assert "Run 1 of the apply workflow, for commit cccccccccccc, " in step.summary.read_text()


@pytest.mark.usefixtures("origin")
def test_a_record_that_is_missing_is_an_issue_until_it_is_there(step: Step) -> None:
    lost = step.api.run(1, "sync.yml", "schedule", status="completed", conclusion="failure")
    job = step.api.job(lost, "apply", {"Apply": "success", "Confirm that nothing was sent": "skipped"})
    for _ in range(2):
        assert run(step).endswith("enabled=false\n")
    why = "Run 1 of the workflow sync may have applied, and its record is not on the record branch."
    assert f"Nothing is applied by this run: {why} Run its job `record` again" in step.summary.read_text()
    (issue,) = step.api.issues
    assert (issue["title"], issue["state"]) == ("The record of an apply is missing", "open")
    assert why in issue["body"]
    job["steps"][1]["conclusion"] = "success"
    assert run(step).endswith("enabled=true\n")
    assert issue["state"] == "closed"


@pytest.mark.usefixtures("origin")
def test_each_named_tenant_has_an_issue_about_its_record(step: Step) -> None:
    settings(step, target={**SETTINGS["target"], "tenant": "acme"})
    step.api.job(step.api.run(1, "sync.yml", "schedule", status="completed"), "apply", {"Apply": "failure"})
    run(step)
    assert [issue["title"] for issue in step.api.issues] == ["The record of an apply is missing (tenant acme)"]


@pytest.mark.usefixtures("origin")
def test_a_run_of_another_branch_is_nobodys_review(step: Step) -> None:
    step.api.run(1, "apply.yml", "push", status="queued", head_branch="other")
    step.api.run(2, "apply.yml", "pull_request", status="queued")
    assert run(step) == "enabled=true\n"


@pytest.mark.usefixtures("origin")
def test_what_cannot_be_asked_is_an_error_without_output(step: Step) -> None:
    step.api.tokens["t"] = Token(permissions={"issues": "write"})
    with pytest.raises(GitHubError):
        run_unattended(step.workspace, step.terminal, redact=False)
    assert not step.outputs.exists()


def test_a_server_that_does_not_answer_is_an_error_too(step: Step) -> None:
    settings(step)
    with pytest.raises(RepositoryError):
        run_unattended(step.workspace, step.terminal, redact=False)
    assert not step.outputs.exists()


def test_settings_that_cannot_be_read_are_an_error_without_output(step: Step) -> None:
    (step.workspace.state / "settings.yaml").write_text("unattended: x\n")
    assert run_unattended(step.workspace, step.terminal, redact=False) is ExitCode.ERROR
    assert not step.outputs.exists()


def test_outside_of_a_workflow_the_output_is_printed(
    step: Step, origin: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert origin.root.exists()
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name)
    run_unattended(step.workspace, step.terminal, redact=False)
    assert step.terminal.out.startswith("enabled=true\n")
