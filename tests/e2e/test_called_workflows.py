"""A repository whose workflows are the calls of docs/action.md: of the workflows in another repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.workflow_runner import git
from support.workflow_scenario import ADA, GRACE, WorkflowScenario
from support.workspace import run as reconciler

DOCUMENT = (Path(__file__).parents[2] / "docs/action.md").read_text("utf-8")
CALLS = dict(re.findall(r"^```yaml\n# \.github/workflows/(\S+)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL))


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowScenario]:
    opened = WorkflowScenario(tmp_path, monkeypatch)
    shared = tmp_path / "shared"
    reconciler(["reconciler", "init", str(shared)])
    git(shared, "init")
    git(shared, "add", "-A")
    git(shared, "commit", "-m", "Workflows")
    commit = git(shared, "rev-parse", "HEAD")
    opened.runner.libraries["octo-org/workflows"] = shared
    for name, text in CALLS.items():
        called = text.replace("OWNER/WORKFLOWS", "octo-org/workflows").replace("@SHA", f"@{commit}")
        (opened.origin / ".github/workflows" / name).write_text(called)
    opened.commit("Call the workflows of another repository")
    opened.settle()
    yield opened
    opened.close()


def test_what_was_reviewed_is_applied_recorded_and_compared(scenario: WorkflowScenario) -> None:
    assert set(CALLS) == {"plan.yml", "apply.yml", "drift.yml"}
    runner = scenario.runner
    head = scenario.branch(lambda: scenario.add(GRACE))
    main = git(scenario.origin, "rev-parse", "main")
    pull = {
        "number": 7,
        "head": {"sha": head, "ref": "change", "repo": {"full_name": "example/people"}},
        "base": {"sha": main, "ref": "main"},
    }
    payload = {"pull_request": pull}
    for event in ("pull_request", "issue_comment"):
        assert runner.job("plan.yml", "plan / plan", event, main, payload).skipped, "only as data"
    planned = runner.job("plan.yml", "plan / plan", "pull_request_target", main, payload)
    assert planned.code == 0, planned.steps
    assert "Plan: 1 to create, 0 to update, 0 to delete." in scenario.comments()[0]

    merged = scenario.merge(head)
    applied = runner.job("apply.yml", "apply / apply", "push", merged)
    assert applied.code == 0, applied.steps
    assert scenario.users() == [ADA, GRACE]
    recorded = runner.job("apply.yml", "apply / record", "push", merged, needs={"apply": applied})
    assert recorded.code == 0, recorded.steps
    # By its steps, whatever its job is called, the first run sees that the second one has applied.
    assert runner.job("apply.yml", "apply / apply", "push", merged).code == 0
    again = runner.again(applied, "apply.yml", "apply / apply", "push", merged)
    assert again.code == 4, again.steps
    assert "run 2 of this workflow, for a later commit, has applied" in again.said("Fetch the plan that was reviewed")

    drift = runner.job("drift.yml", "drift / drift", "schedule", merged)
    assert drift.code == 0, drift.steps
    assert scenario.api.issues == []
    heartbeat = runner.job("drift.yml", "drift / heartbeat", "schedule", merged)
    assert (heartbeat.code, scenario.api.enabled) == (0, ["drift.yml"])


def test_a_plan_is_started_by_hand(scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    main = git(scenario.origin, "rev-parse", "main")
    scenario.api.pull(7, head, None)
    scenario.api.pulls[-1]["base"]["sha"] = main
    inputs = {"inputs": {"pull": "7"}}
    planned = scenario.runner.job("plan.yml", "plan / plan", "workflow_dispatch", main, inputs)
    assert planned.code == 0, planned.steps
    assert GRACE in scenario.comments()[0]


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("      RECONCILER_TOKEN: ${{ secrets.RECONCILER_TOKEN }}\n", r"missing secrets: \['RECONCILER_TOKEN'\]"),
        ("      statuses: write\n", "plan asks for statuses: write, the caller has none"),
    ],
)
def test_the_stand_in_refuses_what_github_refuses(scenario: WorkflowScenario, removed: str, said: str) -> None:
    file = scenario.origin / ".github/workflows/plan.yml"
    assert removed in file.read_text()
    file.write_text(file.read_text().replace(removed, ""))
    with pytest.raises(AssertionError, match=said):
        scenario.runner.job("plan.yml", "plan / plan", "pull_request_target", scenario.commit("Less"))
