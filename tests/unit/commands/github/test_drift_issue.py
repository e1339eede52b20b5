from __future__ import annotations

from dataclasses import replace

import pytest
from support import builders
from support.servers.github_api import BOT
from support.workflow_step import Step

from reconciler.commands.github.drift_issue import run_drift_issue
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
