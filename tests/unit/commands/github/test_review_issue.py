from __future__ import annotations

from dataclasses import replace

import pytest
from support.servers.github_api import BOT
from support.workflow_step import Step

from reconciler.commands.github.review_issue import run_review_issue
from reconciler.core.plan_id import compute_plan_id
from reconciler.errors import ExitCode
from reconciler.github.api import GitHubError
from reconciler.record.plan_file import to_json


def report(step: Step, *, plan: bool = True, redact: bool = False) -> None:
    file = step.file if plan else None
    assert run_review_issue(step.workspace, file, BOT, step.terminal, redact=redact) is ExitCode.OK


def test_one_issue_is_opened_and_closed_when_nothing_waits(step: Step) -> None:
    report(step)
    report(step)
    (issue,) = step.api.issues
    assert (issue["title"], issue["state"]) == ("A plan waits for a review", "open")
    assert issue["body"].startswith("<!-- reconciler review -->\n")
    assert f"\n```\n{step.plan.plan_id}\n```\n" in issue["body"]
    assert "ada@" in issue["body"]
    report(step, plan=False)
    report(step, plan=False)
    assert (issue["state"], len(step.api.issues)) == ("closed", 1)


def test_in_public_it_names_nobody(step: Step) -> None:
    report(step, redact=True)
    assert "ada@" not in step.api.issues[0]["body"]


def test_each_named_tenant_has_one(step: Step) -> None:
    target = replace(step.plan.target, tenant="acme")
    plan = replace(step.plan, target=target, plan_id=compute_plan_id(target, step.plan.changes))
    step.file.write_text(to_json(plan))
    (step.workspace.state / "settings.yaml").write_text(
        'target: {profile: scim, base_url: "https://scim.example.com", tenant: acme}\n'
    )
    report(step)
    (issue,) = step.api.issues
    assert issue["title"] == "A plan waits for a review (tenant acme)"
    report(step, plan=False)
    assert issue["state"] == "closed"


def test_a_refusal_of_github_fails_the_step(step: Step) -> None:
    step.api.tokens.clear()
    with pytest.raises(GitHubError):
        report(step)


def test_settings_that_cannot_be_read_are_an_error(step: Step) -> None:
    (step.workspace.state / "settings.yaml").write_text("x: y\n")
    assert run_review_issue(step.workspace, step.file, BOT, step.terminal, redact=False) is ExitCode.ERROR
    assert step.api.issues == []
