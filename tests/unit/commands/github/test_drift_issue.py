from __future__ import annotations

import pytest
from support import builders
from support.servers.github_api import BOT
from support.workflow_step import Step

from reconciler.commands.github.drift_issue import run_drift_issue
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
