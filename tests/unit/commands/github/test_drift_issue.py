from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support import builders
from support.servers.github_api import BOT, Token
from support.workflow_step import Step

from reconciler.commands.github.drift_issue import run_drift_issue
from reconciler.core.expiry import ConnectionCredential, CredentialKind, assess_credentials, describe_findings
from reconciler.core.plan import Change
from reconciler.core.plan_id import compute_plan_id
from reconciler.github.api import GitHubError
from reconciler.record.plan_file import to_json


def report(step: Step) -> None:
    run_drift_issue(step.file, BOT, step.terminal, redact=False)


def test_an_issue_is_opened_and_closed_when_nothing_is_left(step: Step) -> None:
    report(step)
    report(step)
    (issue,) = step.api.issues
    assert (issue["title"], issue["state"]) == ("The target differs from the default branch", "open")
    step.file.write_text(to_json(builders.plan_of()))
    report(step)
    assert issue["state"] == "closed"


def test_runs_that_did_not_apply_are_listed_until_a_later_one_applies(step: Step) -> None:
    """As when GitHub cancelled the apply of a merge, because a later merge took its place in the queue."""
    for number, conclusion in ((1, "success"), (2, "cancelled"), (3, "failure")):
        run = step.api.run(number, "apply.yml", "push", status="completed", conclusion=conclusion)
        if conclusion != "cancelled":
            step.api.job(run, "apply", {"Apply": "success" if conclusion == "success" else "skipped"})
    step.api.run(4, "apply.yml", "push", status="queued")
    report(step)
    (issue,) = step.api.issues
    section = issue["body"].partition("#### Runs that did not apply, since the last one that did\n\n")[2]
    assert section.partition("\n\n")[0].splitlines() == [
        "- Run 3 of the apply workflow, for commit cccccccccccc, failed before it applied.",
        "- Run 2 of the apply workflow, for commit cccccccccccc, was cancelled before it applied.",
    ]
    run = step.api.run(5, "apply.yml", "push", status="completed", conclusion="success")
    step.api.job(run, "apply", {"Apply": "success"})
    report(step)
    assert "Runs that did not apply" not in issue["body"]


def test_runs_that_cannot_be_read_are_noted_and_the_issue_is_written(step: Step) -> None:
    """A workflow of version 0.1 has no permission to read runs."""
    step.api.tokens["t"] = Token(permissions={"issues": "write"})
    report(step)
    assert len(step.api.issues) == 1
    assert step.terminal.notes[0].startswith(
        "Cannot determine whether every merge was applied: GitHub answered 403 to GET "
    )
    assert "The job lacks a permission" in step.terminal.notes[0]


def test_a_refusal_of_github_fails_the_step(step: Step) -> None:
    step.api.tokens.clear()
    with pytest.raises(GitHubError):
        report(step)


def named(tenant: str, *changes: Change) -> str:
    target = replace(builders.TARGET, tenant=tenant)
    return to_json(replace(builders.plan_with(*changes), target=target, plan_id=compute_plan_id(target, changes)))


def test_the_drift_of_two_tenants_is_in_two_issues(step: Step) -> None:
    for tenant in ("acme", "globex", "acme"):
        step.file.write_text(named(tenant, builders.change("ada")))
        report(step)
    titles = [issue["title"] for issue in step.api.issues]
    assert titles == [f"The target differs from the default branch (tenant {name})" for name in ("acme", "globex")]
    step.file.write_text(named("globex"))
    report(step)
    assert [issue["state"] for issue in step.api.issues] == ["open", "closed"]


def expiring(days: int) -> str:
    end = builders.NOW.date() + timedelta(20)
    found = assess_credentials([ConnectionCredential(CredentialKind.TOKEN, end)], end - timedelta(days))
    return to_json(replace(builders.plan_of(), diagnostics=describe_findings(found)))


def test_a_token_that_expires_opens_the_issue_and_is_announced_once_for_each_stage(step: Step) -> None:
    for days in (61, 60, 59, 14, 13, 0, -1, -2):
        step.file.write_text(expiring(days))
        report(step)
    (issue,) = step.api.issues
    assert (issue["title"], issue["state"]) == ("A credential of the connection expires", "open")
    assert "the token expired on 2026-03-21, 2 days ago" in issue["body"]
    assert [comment["body"] for comment in step.api.comments[issue["number"]]] == [
        "The token expires within 60 days: 2026-03-21. The issue says what to do.",
        "The token expires within 14 days: 2026-03-21. The issue says what to do.",
        "The token is at its end: 2026-03-21. The issue says what to do.",
    ]
    step.file.write_text(to_json(builders.plan_of()))
    report(step)
    assert issue["state"] == "closed"


def test_drift_keeps_its_title_while_a_token_expires(step: Step) -> None:
    plan = builders.plan_with(builders.change("ada"))
    found = assess_credentials([ConnectionCredential(CredentialKind.TOKEN, builders.NOW.date())], builders.NOW.date())
    step.file.write_text(to_json(replace(plan, diagnostics=describe_findings(found))))
    report(step)
    (issue,) = step.api.issues
    assert issue["title"] == "The target differs from the default branch"
    assert len(step.api.comments[issue["number"]]) == 1


def test_comments_need_no_permission_for_pull_requests(step: Step) -> None:
    step.api.tokens["t"] = Token(permissions={"issues": "write", "actions": "read"})
    step.file.write_text(expiring(7))
    report(step)
    (issue,) = step.api.issues
    assert len(step.api.comments[issue["number"]]) == 1


def test_a_refused_comment_is_noted_and_the_issue_is_written(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise GitHubError(403, "GitHub answered 403")

    monkeypatch.setattr("reconciler.github.comments.comment_once", refuse)
    step.file.write_text(expiring(7))
    report(step)
    assert len(step.api.issues) == 1
    assert "The issue has no comment about its credentials: GitHub answered 403." in step.terminal.notes[0]
