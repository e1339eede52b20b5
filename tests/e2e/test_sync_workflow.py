"""The workflow `sync`, step by step: what is small goes from the directory to the target, the rest waits for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_scenario import ImportScenario
from support.workflow_runner import Job, git
from support.workflow_scenario import ADA, GRACE, LINUS, WorkflowScenario

from reconciler.commands.init import INSTALL, SYNC_WORKFLOW, render_workflows

HOURLY = {"schedule": "11 0-1,3-23 * * *"}
LIMITS = "unattended: {updates: 5, creates: 1, removals: 0}\n"


class SyncScenario(WorkflowScenario):
    """A repository with the workflow `sync`, whose first reviewed change was applied and recorded by `apply`."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(root, patch)
        (self.origin / ".github/workflows" / SYNC_WORKFLOW).write_text(render_workflows(INSTALL)[SYNC_WORKFLOW])
        self.limits(LIMITS)
        self.commit("Sync")
        self.review(lambda: self.edit("users/people.yaml", "department: IT", "department: Research"))

    def limits(self, text: str) -> None:
        with (self.origin / "desired-state/settings.yaml").open("a") as file:
            file.write(text)

    def review(self, change: object) -> None:
        """Take a change from a branch to the target, by the workflows that people look at."""
        assert callable(change)
        head = self.branch(change)
        assert self.plan(head).code == 0
        merged = self.merge(head)
        applied = self.apply(merged)
        assert applied.code == 0, applied.steps
        assert self.record(merged, applied).code == 0
        git(self.origin, "branch", "-D", "change")

    def cycle(self, **payload: str) -> Job:
        """Run the jobs of a cycle up to the one that applies, and return that."""
        main, event = git(self.origin, "rev-parse", "main"), "schedule"
        read = self.runner.job(SYNC_WORKFLOW, "read", event, main, {**HOURLY, **payload})
        assert read.code == 0, read.steps
        return self.runner.job(SYNC_WORKFLOW, "apply", event, main, {**HOURLY, **payload}, needs={"read": read})

    def sync(self, **payload: str) -> Job:
        """Run the jobs of a cycle; return the one that applies."""
        main, event = git(self.origin, "rev-parse", "main"), "schedule"
        apply = self.cycle(**payload)
        if apply.outputs["record"]:
            record = self.runner.job(SYNC_WORKFLOW, "record", event, main, needs={"apply": apply})
            assert record.code == 0, record.steps
        return apply

    def issues(self) -> list[dict[str, str]]:
        return [issue for issue in self.api.issues if issue["state"] == "open"]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncScenario]:
    opened = SyncScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


def test_a_small_plan_is_applied_and_what_is_larger_waits_for_a_review(scenario: SyncScenario) -> None:
    scenario.add(GRACE)
    scenario.commit("Imported, merged without a review")
    applied = scenario.sync()
    assert applied.code == 0, applied.steps
    assert scenario.users() == [ADA, GRACE]
    assert "Incremental: no, " in applied.said("Apply"), "a group was edited too"
    assert scenario.issues() == []

    # Only users/ was edited, so the hourly cycle looks only at those that may differ.
    scenario.edit("users/people.yaml", "department: Research", "department: Sales")
    scenario.commit("Moved")
    applied = scenario.sync()
    assert applied.code == 0, applied.steps
    assert "Incremental: " in applied.said("Apply")
    assert "Incremental: no" not in applied.said("Apply")
    assert "1 updated" in applied.said("Apply")

    # The same day: 1 create at most, and the record knows of one.
    scenario.add(LINUS)
    scenario.commit("Another one")
    blocked = scenario.sync(schedule="11 2 * * *")
    assert blocked.code == 0, blocked.steps
    assert (
        "1 create, 1 more unattended in the last 24 hours: more than unattended.creates allows (1)" in blocked.summary
    )
    assert "Incremental: " not in blocked.said("Apply"), "the cycle of the night looks at everybody"
    assert scenario.users() == [ADA, GRACE]
    (issue,) = scenario.issues()
    assert issue["title"] == "A plan waits for a review"
    assert LINUS in issue["body"]

    # A person starts `apply` with the id of the issue.
    plan_id = issue["body"].partition("```\n")[2].partition("\n")[0]
    dispatched = scenario.dispatch(plan_id)
    assert dispatched.code == 0, dispatched.steps
    assert scenario.users() == [ADA, GRACE, LINUS]
    assert scenario.record(git(scenario.origin, "rev-parse", "main"), dispatched).code == 0
    hourly = scenario.sync()
    assert (hourly.code, len(scenario.issues())) == (0, 1), "it did not look at all users"
    again = scenario.sync(schedule="11 2 * * *")
    assert again.code == 0, again.steps
    assert scenario.issues() == []


def test_no_limit_begins_anew_because_a_record_is_missing(scenario: SyncScenario) -> None:
    scenario.add(GRACE)
    scenario.commit("Imported, merged without a review")
    main = git(scenario.origin, "rev-parse", "main")
    lost = scenario.cycle()
    assert scenario.users() == [ADA, GRACE]
    assert lost.outputs["record"], "its job `record` runs, and fails"

    scenario.add(LINUS)
    scenario.commit("Another one")
    refused = scenario.sync()
    assert (refused.code, refused.ran("Apply")) == (0, False), refused.steps
    assert "Run 1 of the workflow sync may have applied, and its record is not on the record branch" in refused.summary
    assert scenario.users() == [ADA, GRACE]
    (issue,) = scenario.issues()
    assert issue["title"] == "The record of an apply is missing"
    assert "Run its job `record` again" in issue["body"]

    # The way out.
    recorded = scenario.runner.job(SYNC_WORKFLOW, "record", "schedule", main, needs={"apply": lost})
    assert recorded.code == 0, recorded.steps
    blocked = scenario.sync()
    assert "1 create, 1 more unattended in the last 24 hours" in blocked.summary
    assert scenario.users() == [ADA, GRACE]
    assert [each["title"] for each in scenario.issues()] == ["A plan waits for a review"]


def test_a_pull_request_has_a_first_answer_and_then_the_plan(scenario: SyncScenario) -> None:
    # The filters of a service are tried with somebody who is not changed.
    scenario.review(lambda: scenario.add(GRACE))
    head = scenario.branch(lambda: scenario.edit("users/people.yaml", "department: Research", "department: Sales"))
    planned = scenario.plan(head)
    assert planned.code == 0, planned.steps
    assert planned.ran("First answer"), planned.said("Plan what changed")
    assert "Incremental: no" not in planned.said("Plan what changed")
    (comment,) = scenario.comments()
    assert "First answer" not in comment
    assert "Plan: 0 to create, 1 to update, 0 to delete." in comment
    applied = scenario.apply(scenario.merge(head))
    assert applied.code == 0, applied.steps


def test_what_waits_for_people_is_not_applied_behind_their_backs(scenario: SyncScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    assert scenario.plan(head).code == 0
    merged = scenario.merge(head)
    number = scenario.runner.numbers["apply.yml"] + 1
    waiting = scenario.api.run(number, "apply.yml", "push", head_sha=merged, status="waiting")
    waited = scenario.sync()
    assert (waited.code, waited.ran("Apply")) == (0, False), waited.steps
    assert f"Run {number} of the apply workflow, for commit {merged[:12]}, has not ended" in waited.summary
    assert scenario.users() == [ADA]

    # Its reviewers refuse it.
    scenario.api.runs[waiting].update(status="completed", conclusion="failure")
    scenario.api.job(waiting, "apply", {}, conclusion="failure")
    refused = scenario.sync()
    assert (refused.code, refused.ran("Apply")) == (0, False), refused.steps
    assert "failed before it applied" in refused.summary
    assert scenario.users() == [ADA]


def test_nothing_is_applied_without_limits_or_while_provisioning_is_off(scenario: SyncScenario) -> None:
    scenario.add(GRACE)
    scenario.edit("settings.yaml", LIMITS, "provisioning: {enabled: false, reason: A move}\n")
    scenario.commit("Off, without limits")
    off = scenario.sync()
    assert (off.code, off.ran("Apply")) == (0, False)
    assert "settings.yaml has no `unattended`" in off.summary
    scenario.limits(LIMITS)
    scenario.commit("Limits")
    off = scenario.sync()
    assert (off.code, off.ran("Apply")) == (0, False)
    assert "provisioning is off" in off.summary
    assert scenario.users() == [ADA]


def test_a_person_comes_from_the_directory_to_the_target_in_one_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = ImportScenario(tmp_path, monkeypatch)
    try:
        (scenario.origin / ".github/workflows" / SYNC_WORKFLOW).write_text(render_workflows(INSTALL)[SYNC_WORKFLOW])
        with (scenario.origin / "desired-state/settings.yaml").open("a") as file:
            file.write(LIMITS)
        scenario.commit("Sync")
        head = scenario.branch(lambda: scenario.edit("mappings.yaml", "#", "# Reviewed."))
        assert scenario.plan(head).code == 0
        merged = scenario.merge(head)
        applied = scenario.apply(merged)
        assert (applied.code, scenario.record(merged, applied).code) == (0, 0), applied.steps
        scenario.api.pulls.clear()

        scenario.tenant.add_member(scenario.staff, scenario.hire(GRACE))
        # While the job waits, the workflows that it started run: here they have run before.
        assert [job.code for job in scenario.run_import()] == [0, 0]
        assert [job.code for job in scenario.run_dispatched()] == [0, 0]
        scenario.api.dispatches.clear()
        main = git(scenario.origin, "rev-parse", "main")
        read = scenario.runner.job(SYNC_WORKFLOW, "read", "schedule", main, HOURLY)
        assert (read.code, read.outputs) == (0, {"entra": "true"}), read.steps
        pull = scenario.runner.job(SYNC_WORKFLOW, "pull-request", "schedule", main, HOURLY, needs={"read": read})
        assert (pull.code, scenario.api.dispatches) == (0, []), pull.steps
        assert "It was merged." in pull.said("Pull request")
        needs = {"read": read, "pull-request": pull}
        apply = scenario.runner.job(SYNC_WORKFLOW, "apply", "schedule", main, HOURLY, needs=needs)
        assert apply.code == 0, apply.steps
        assert scenario.users() == [ADA, GRACE]
    finally:
        scenario.close()
