"""Each workflow's steps, run: on the sandbox over HTTP, and on a stand-in of GitHub's API over HTTP."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.command import ListeningPort, assert_harmless
from support.parsers import code_of, markdown_structure
from support.servers.github_api import BOT
from support.workflow_runner import GITHUB_TOKEN, Job, git
from support.workflow_scenario import ADA, GRACE, LINUS, WorkflowScenario, ci

from reconciler.sandbox.seed import edit_user, list_users


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowScenario]:
    opened = WorkflowScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


def reviewed(scenario: WorkflowScenario, user: str = GRACE, **attributes: str) -> str:
    """The head of a pull request that adds a user, after its plan."""
    head = scenario.branch(lambda: scenario.add(user, **attributes))
    assert scenario.plan(head).code == 0
    return head


# --- from the pull request to the apply -----------------------------------------------


@pytest.mark.parametrize("how", ["merge", "rebase"])
def test_what_was_reviewed_is_applied_after_the_merge(how: str, scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    job = scenario.plan(head)
    assert job.code == 0
    (comment,) = scenario.comments()
    assert comment.startswith("<!-- reconciler plan -->\n")
    assert GRACE in comment
    assert "Plan: 1 to create, 0 to update, 0 to delete." in comment
    assert f"({scenario.runner.server.repository}/actions/runs/{job.run})" in comment
    assert GRACE in job.summary
    status = scenario.api.statuses[head][0]
    assert status["description"].startswith(f"{job.outputs['plan-id']} of run {job.run}: 1 to create, 0 to change")
    assert (status["state"], job.outputs["changes"], job.outputs["blocked"]) == ("success", "1", "false")
    assert scenario.users() == [ADA], "a plan writes nothing"

    applied = scenario.apply(scenario.merge(head, how))
    assert applied.code == 0, applied.steps
    assert scenario.users() == [ADA, GRACE]
    assert "Apply complete! Users: 1 created, 0 updated, 0 deleted." in applied.summary
    kept = next(item for item in scenario.api.artifacts if item["name"] == "plans" and item["run"] == applied.run)
    assert b"receipt.jsonl" in scenario.api.contents[kept["id"]]


def test_a_plan_that_was_started_manually_is_a_reviewed_plan_too(scenario: WorkflowScenario) -> None:
    """Pull requests that GITHUB_TOKEN opens start no workflow."""
    head = scenario.branch(lambda: scenario.add(GRACE))
    job = scenario.plan_manually(head)
    assert job.code == 0, job.steps
    assert "Plan: 1 to create, 0 to update, 0 to delete." in scenario.comments()[0]
    assert scenario.api.statuses[head][0]["state"] == "success"
    assert scenario.apply(scenario.merge(head)).code == 0
    assert scenario.users() == [ADA, GRACE]


def test_a_second_plan_changes_the_comment_in_place(scenario: WorkflowScenario) -> None:
    head = reviewed(scenario)
    first = scenario.api.comment(7, "mallory", "<!-- reconciler plan -->\nAll is well.")
    git(scenario.origin, "checkout", "change")
    scenario.add(LINUS)
    head = scenario.commit("More")
    git(scenario.origin, "checkout", "main")
    assert scenario.plan(head).code == 0
    ours, theirs = scenario.api.comments[7]
    assert LINUS in ours["body"]
    assert theirs is first
    assert theirs["body"].endswith("All is well."), "a marker alone makes no comment ours"


def test_more_than_was_reviewed_is_refused(scenario: WorkflowScenario) -> None:
    head = reviewed(scenario)
    scenario.add(LINUS)
    scenario.commit("Past review")
    git(scenario.origin, "checkout", "main")
    merged = merge_beside(scenario, head)
    applied = scenario.apply(merged)
    assert applied.code == 4
    assert f'user["{LINUS}"]: would now be created, which was not reviewed' in applied.said("Apply") + applied.summary
    assert scenario.users() == [ADA]


def merge_beside(scenario: WorkflowScenario, head: str) -> str:
    """Merges although both sides added lines at the same place: both are kept."""
    for name in ("users/people.yaml", "groups/apple-users.yaml"):
        theirs = git(scenario.origin, "show", f"{head}:desired-state/{name}").splitlines()
        path = scenario.origin / "desired-state" / name
        ours = path.read_text().splitlines()
        path.write_text("\n".join([*ours, *(line for line in theirs if line not in ours)]) + "\n")
    merged = scenario.commit("Merge")
    scenario.api.pull(7, head, merged)
    return merged


def test_other_values_than_reviewed_are_refused(scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.edit("users/people.yaml", "department: IT", "department: Research"))
    assert scenario.plan(head).code == 0
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    applied = scenario.apply(scenario.merge(head))
    assert applied.code == 4
    assert 'enterprise:department was "IT", is now "By hand"' in applied.said("Apply")
    assert list_users(scenario.file)[0]["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] == (
        "By hand"
    )


def test_drift_that_has_gone_since_the_review_is_no_fault(scenario: WorkflowScenario) -> None:
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    head = reviewed(scenario)
    assert "2 to" not in scenario.comments()[0]
    assert "1 to create, 1 to update" in scenario.comments()[0]
    edit_user(scenario.file, ADA, {"enterprise:department": "IT"})
    assert scenario.apply(scenario.merge(head)).code == 0
    assert scenario.users() == [ADA, GRACE]


def test_a_guarded_plan_needs_an_approval_in_the_pull_request(scenario: WorkflowScenario) -> None:
    scenario.add(GRACE)
    scenario.commit("Grace")
    scenario.settle()
    assert scenario.users() == [ADA, GRACE]

    scenario.edit("settings.yaml", "removals: {count: 10, percent: 10}", "removals: {count: 0}")
    scenario.commit("Strict")
    head = scenario.branch(lambda: remove(scenario, GRACE))
    blocked = scenario.plan(head)
    assert (blocked.code, blocked.outputs["blocked"], scenario.api.statuses[head][0]["state"]) == (3, "true", "failure")
    assert "blocked" in scenario.comments()[0]
    git(scenario.origin, "checkout", "change")
    until = datetime.now(UTC).date() + timedelta(days=7)
    approval = f"approvals: [{{plan: '{blocked.outputs['plan-id']}', removals: 1, reason: Left, until: {until}}}]"
    with (scenario.origin / "desired-state/settings.yaml").open("a") as file:
        file.write(f"{approval}\n")
    head = scenario.commit("Approve")
    git(scenario.origin, "checkout", "main")
    planned = scenario.plan(head)
    assert (planned.code, planned.outputs["plan-id"]) == (0, blocked.outputs["plan-id"]), planned.said("Plan")
    assert scenario.apply(scenario.merge(head)).code == 0
    assert scenario.users() == [ADA]


# --- what nobody reviewed -------------------------------------------------------------


def test_a_push_without_a_pull_request_is_not_applied_by_itself(scenario: WorkflowScenario) -> None:
    scenario.add(GRACE)
    pushed = scenario.commit("Straight to main")
    applied = scenario.apply(pushed)
    assert applied.code == 4
    assert f"commit {pushed[:12]} was not merged into main by a pull request" in applied.said(
        "Fetch the plan that was reviewed"
    )
    assert not applied.ran("Apply")
    plan_id = scenario.drift().plan_id
    assert scenario.dispatch("sha256:" + "0" * 64).code == 4
    assert scenario.dispatch('"; touch pwned; echo "$(touch pwned)').code == 4
    assert scenario.dispatch("--help").code == 4
    assert scenario.users() == [ADA]
    assert scenario.dispatch(plan_id).code == 0
    assert scenario.users() == [ADA, GRACE]


def test_an_edited_comment_changes_nothing(scenario: WorkflowScenario) -> None:
    head = reviewed(scenario)
    scenario.api.comments[7][0]["body"] = f"<!-- reconciler plan -->\nsha256:{'0' * 64}"
    assert scenario.apply(scenario.merge(head)).code == 0


# --- the order of runs ----------------------------------------------------------------


def fail(scenario: WorkflowScenario, commit: str) -> Job:
    """Run an apply whose token is refused: it fails before it sends anything that writes."""
    secrets = scenario.runner.secrets
    scenario.runner.secrets = {"RECONCILER_TOKEN": "revoked"}
    failed = scenario.apply(commit)
    scenario.runner.secrets = secrets
    assert failed.code == 1, failed.steps
    return failed


def test_an_old_run_that_is_run_again_does_not_undo_a_later_one(scenario: WorkflowScenario) -> None:
    merged = scenario.merge(reviewed(scenario))
    first, _ = (scenario.apply(merged) for _ in range(2))
    again = scenario.apply_again(merged, first)
    assert again.code == 4
    assert "run 2 of this workflow, for a later commit, has applied" in again.said("Fetch the plan that was reviewed")


@pytest.mark.parametrize("begun", [False, True])
def test_a_run_can_be_run_again_after_a_later_one_that_failed_before_it_applied(
    begun: bool, scenario: WorkflowScenario
) -> None:
    """The later run fails because it was not reviewed, or in its apply, because the service refuses the token."""
    merged = scenario.merge(reviewed(scenario))
    first = fail(scenario, merged)
    later = scenario.commit("Later")
    if begun:
        scenario.api.pull(8, git(scenario.origin, "rev-parse", "change"), later)
        fail(scenario, later)
    else:
        assert scenario.apply(later).code == 4
    again = scenario.apply_again(merged, first)
    assert again.code == 0, again.steps
    assert scenario.users() == [ADA, GRACE]


def test_an_old_run_that_is_run_again_does_not_undo_a_commit_on_record_whose_run_was_deleted(
    scenario: WorkflowScenario,
) -> None:
    merged = scenario.merge(reviewed(scenario))
    first = fail(scenario, merged)
    remove(scenario, GRACE)
    later = scenario.commit("Without Grace")
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    applied = scenario.dispatch(scenario.drift().plan_id)
    assert (applied.code, scenario.record(later, applied).code) == (0, 0)
    del scenario.api.runs[applied.run]
    again = scenario.apply_again(merged, first)
    assert again.code == 4
    refused = again.said("Fetch the plan that was reviewed")
    assert f"the later commit {later[:12]} has been applied (the apply of " in refused
    assert scenario.users() == [ADA]


def cancel(scenario: WorkflowScenario, commit: str) -> None:
    """Let GitHub cancel the run for `commit` while it waits, as it did without `queue: max`."""
    number = scenario.runner.numbers["apply.yml"] = scenario.runner.numbers.get("apply.yml", 0) + 1
    scenario.api.run(number, "apply.yml", "push", head_sha=commit, status="completed", conclusion="cancelled")


def test_a_merge_that_was_never_applied_is_reported_until_it_is(scenario: WorkflowScenario) -> None:
    """By the drift issue and by the next apply, which includes it."""
    first = scenario.merge(reviewed(scenario))
    assert scenario.record(first, scenario.apply(first)).code == 0
    scenario.add(LINUS)
    middle = scenario.commit("Add Linus (#8)")
    cancel(scenario, middle)
    drift = scenario.drift()
    (issue,) = scenario.api.issues
    assert f"- Run 2 of the apply workflow, for commit {middle[:12]}, was cancelled before it applied." in issue["body"]
    assert "1 commit that changed the desired state is not applied" in issue["body"]
    assert f"{middle[:12]} (#8), " in issue["body"]

    scenario.edit("users/people.yaml", "Ada", "Augusta")
    scenario.api.pull(9, "f" * 40, scenario.commit("Rename Ada (#9)"))
    drift = scenario.drift()
    applied = scenario.dispatch(drift.plan_id)
    assert applied.code == 0, applied.steps
    assert scenario.users() == [ADA, GRACE, LINUS]
    warned = f"Run 2 of the apply workflow, for commit {middle[:12]}, was cancelled before it applied."
    assert f"::warning title=Apply of an earlier merge::{warned}" in applied.said("Compare its id")
    assert f"not completely applied since:\n{middle[:12]} (#8), " in applied.said("Apply")
    assert scenario.record(git(scenario.origin, "rev-parse", "main"), applied).code == 0
    scenario.drift()
    assert issue["state"] == "closed"


# --- provisioning is off --------------------------------------------------------------


def switch(scenario: WorkflowScenario, *, enabled: bool) -> None:
    """Write the switch at the end of settings.yaml."""
    path = scenario.origin / "desired-state" / "settings.yaml"
    kept = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("provisioning:")]
    value = "{enabled: true}" if enabled else "{enabled: false, reason: Stop}"
    path.write_text("".join(kept) + f"provisioning: {value}\n")


def test_a_merge_while_provisioning_is_off_is_applied_by_the_change_that_switches_it_on(
    scenario: WorkflowScenario,
) -> None:
    off = scenario.branch(lambda: switch(scenario, enabled=False), "off")
    assert scenario.plan(off).code == 0
    (comment,) = scenario.comments()
    assert "> **This change set switches provisioning off:** `Stop`. Nothing of this plan is applied" in comment
    paused = scenario.apply(scenario.merge(off))
    assert (paused.code, paused.ran("Apply"), paused.ran("Plan without applying")) == (0, False, True)
    assert '::notice title=Provisioning is off::Provisioning is off: "Stop".' in paused.said("Is provisioning on?")

    added = scenario.merge(reviewed(scenario), number=8)
    waiting = scenario.apply(added)
    assert waiting.code == 0, waiting.steps
    assert "Plan: 1 to create, 0 to update, 0 to delete." in waiting.summary
    assert "Provisioning is off" in waiting.summary
    assert scenario.users() == [ADA]
    scenario.drift()
    (issue,) = scenario.api.issues
    assert (
        f"- Run 2 of the apply workflow, for commit {added[:12]}, did not apply: provisioning was off." in issue["body"]
    )
    assert "> **Provisioning is off:** `Stop`." in issue["body"]

    on = scenario.branch(lambda: switch(scenario, enabled=True), "on")
    assert scenario.plan(on).code == 0
    assert (
        "> **This change set switches provisioning on.** 1 pending change becomes applicable." in scenario.comments()[0]
    )
    applied = scenario.apply(scenario.merge(on, number=9))
    assert applied.code == 0, applied.steps
    assert scenario.users() == [ADA, GRACE]
    again = scenario.apply_again(added, waiting)
    assert (again.code, again.ran("Apply")) == (0, False), "the settings of its commit count too"


def test_a_run_that_waited_does_not_apply_after_provisioning_was_switched_off(scenario: WorkflowScenario) -> None:
    merged = scenario.merge(reviewed(scenario))
    switch(scenario, enabled=False)
    scenario.commit("Stop")
    waited = scenario.apply(merged)
    assert (waited.code, waited.ran("Apply")) == (0, False)
    assert 'Provisioning is off: "Stop".' in waited.summary
    assert scenario.users() == [ADA]


# --- the record -----------------------------------------------------------------------


def remove(scenario: WorkflowScenario, user: str) -> None:
    for name in ("users/people.yaml", "groups/apple-users.yaml"):
        path = scenario.origin / "desired-state" / name
        path.write_text("".join(line for line in path.read_text().splitlines(True) if user not in line))


def test_one_run_leaves_a_record_that_the_next_pull_request_is_judged_by(scenario: WorkflowScenario) -> None:
    scenario.edit("settings.yaml", "actions: [create, update, deactivate]", "actions: [create, update, delete]")
    scenario.edit("settings.yaml", "removed: deactivate", "removed: delete")
    scenario.edit("settings.yaml", "percent: 10}", "percent: 100}")
    scenario.edit("settings.yaml", "reconciler-record", "applied/Record")
    scenario.add(GRACE)
    scenario.commit("Grace")
    scenario.settle()
    head = scenario.branch(lambda: remove(scenario, GRACE))
    planned = scenario.plan(head)
    assert planned.code == 0, planned.steps
    assert "Branch applied/Record not found locally" in planned.said("Plan")
    merged = scenario.merge(head)
    applied = scenario.apply(merged)
    assert (applied.code, scenario.users()) == (0, [ADA])
    recorded = scenario.record(merged, applied)
    assert recorded.code == 0, recorded.steps
    files = git(scenario.origin, "ls-tree", "-r", "--name-only", "applied/Record").splitlines()
    assert [Path(name).name for name in files] == ["README.md", "plan.json", "receipt.jsonl"]
    git(scenario.origin, "branch", "-D", "change")
    head = scenario.branch(lambda: scenario.add(GRACE, objectId="33333333-3333-4333-8333-333333333333"))
    blocked = scenario.plan(head)
    assert blocked.code == 3, blocked.steps
    assert "free on" in scenario.comments()[0], "the name of a deleted account"


def test_an_apply_that_failed_is_recorded_too_and_none_that_was_not_begun(scenario: WorkflowScenario) -> None:
    pushed = scenario.commit("Nobody reviewed this")
    refused = scenario.apply(pushed)
    assert (refused.code, scenario.record(pushed, refused).skipped) == (4, True)
    head = reviewed(scenario)
    merged = scenario.merge(head)
    scenario.runner.secrets = {"RECONCILER_TOKEN": "revoked"}
    applied = scenario.apply(merged)
    assert applied.code == 1
    assert scenario.record(merged, applied).code == 0
    assert git(scenario.origin, "ls-tree", "-r", "--name-only", "reconciler-record") == "plans/refusal.json"


# --- forks and hostile pull requests --------------------------------------------------


def test_a_fork_gets_no_plan_of_the_target(scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    assert scenario.plan(head, "mallory/people").skipped
    assert scenario.comments() == []


def test_errors_are_annotated_at_their_position(scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE, accountEnabled="perhaps"))
    job = ci(scenario, head)
    assert job.code == 1
    line = next(line for line in job.said("Annotate").splitlines() if line.startswith("::error "))
    assert line.startswith("::error file=desired-state/users/people.yaml,line=")


def test_errors_of_the_default_branch_are_alerts_where_the_repository_wants_them(scenario: WorkflowScenario) -> None:
    runner = scenario.runner
    scenario.add(GRACE, accountEnabled="perhaps")
    commit = scenario.commit("An error")
    assert runner.job("ci.yml", "code-scanning", "push", commit).skipped
    runner.repository_vars["RECONCILER_CODE_SCANNING"] = "true"
    assert runner.job("ci.yml", "code-scanning", "pull_request", commit).skipped
    job = runner.job("ci.yml", "code-scanning", "push", commit)
    assert (job.code, job.ran("Upload")) == (0, True), job.steps
    (alert,) = runner.alerts[0]["runs"][0]["results"]
    place = alert["locations"][0]["physicalLocation"]["artifactLocation"]
    assert (alert["level"], place["uri"]) == ("error", "desired-state/users/people.yaml")


def test_a_fork_is_planned_offline_without_any_secret(scenario: WorkflowScenario) -> None:
    head = scenario.branch(lambda: scenario.add(GRACE))
    job = ci(scenario, head)
    assert job.code == 0, job.steps
    assert GRACE in job.summary
    assert "RECONCILER_TOKEN" not in str(job.steps)
    assert scenario.users() == [ADA]


def test_another_host_in_the_pull_request_does_not_get_the_token(scenario: WorkflowScenario) -> None:
    listener = ListeningPort("127.0.0.2")
    head = scenario.branch(lambda: scenario.edit("settings.yaml", scenario.sandbox.base_url, listener.url))
    job = scenario.plan(head)
    assert job.code == 1
    assert "the token may not be sent to 127.0.0.2" in job.said("Plan")
    assert not listener.heard()
    listener.close()
    assert "No plan could be made" in scenario.comments()[0], "an older plan would look like this one's"
    assert scenario.api.statuses == {}


def test_names_of_users_and_branches_stay_text(scenario: WorkflowScenario) -> None:
    evil = "x`]($(touch pwned))"
    head = scenario.branch(
        lambda: scenario.add(GRACE, givenName="``` </details> @everyone ::error::pwned ##[error] <!-- x -->"),
        "a;touch${IFS}pwned;`touch${IFS}pwned`".replace("{", "").replace("}", ""),
    )
    job = scenario.plan(head, title=evil, user={"login": evil})
    (body,) = scenario.comments()
    assert "@everyone" in code_of(body)
    for text in [body, job.summary, *(step.said for step in job.steps)]:
        assert "\n::error::" not in text
    assert_harmless("".join(step.said for step in job.steps))
    assert_no_ping(body)
    assert list(scenario.runner.scratch.rglob("pwned")) == []


def assert_no_ping(body: str) -> None:
    """Outside of code there is no `@`, by a Markdown parser."""
    assert [said for _, _, said in markdown_structure(body) if "@" in said] == []


def test_a_public_repository_gets_no_names(scenario: WorkflowScenario) -> None:
    scenario.runner.visibility = "public"
    head = scenario.branch(lambda: scenario.add(GRACE))
    job = scenario.plan(head)
    assert job.code == 0
    shown = "".join([*scenario.comments(), job.summary, *(step.said for step in job.steps)])
    assert "grace" not in shown.casefold()
    assert "Plan: 1 to create" in shown


def test_no_token_is_written_anywhere(scenario: WorkflowScenario) -> None:
    head = reviewed(scenario)
    job = scenario.apply(scenario.merge(head))
    assert job.code == 0
    kept = [
        path.read_bytes() for path in scenario.runner.scratch.rglob("*") if path.is_file() and not path.is_symlink()
    ]
    for packed in scenario.api.contents.values():
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            kept += [archive.read(name) for name in archive.namelist()]
    kept += [request.body for request in scenario.api.requests]
    for token in (GITHUB_TOKEN, scenario.sandbox.token):
        assert [content for content in kept if token.encode() in content] == []
    assert all(scenario.sandbox.token not in str(request.headers) for request in scenario.api.requests)


# --- drift ----------------------------------------------------------------------------


def test_one_issue_opens_changes_and_closes_with_the_drift(scenario: WorkflowScenario) -> None:
    theirs = scenario.api.issue("mallory", "<!-- reconciler drift -->\nMine")
    scenario.api.issue(BOT, "<!-- reconciler drift -->\nIn a pull request", pull_request={})
    assert scenario.drift().job.code == 0
    assert len(scenario.api.issues) == 2
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    assert scenario.drift().job.code == 0
    ours = scenario.api.issues[-1]
    assert (ours["user"]["login"], ours["state"]) == (BOT, "open")
    assert 'enterprise:department = "By hand" -> "IT"' in ours["body"]
    assert_no_ping(ours["body"])
    edit_user(scenario.file, ADA, {"enterprise:department": "Again"})
    scenario.drift()
    assert '"Again" -> "IT"' in ours["body"]
    assert len(scenario.api.issues) == 3
    edit_user(scenario.file, ADA, {"enterprise:department": "IT"})
    scenario.drift()
    assert (ours["state"], ours["state_reason"], theirs["state"]) == ("closed", "completed", "open")
    edit_user(scenario.file, ADA, {"enterprise:department": "By hand"})
    scenario.drift()
    assert (len(scenario.api.issues), scenario.api.issues[-1]["state"]) == (4, "open")


def test_the_heartbeat_enables_the_schedule_again(scenario: WorkflowScenario) -> None:
    job = scenario.runner.job("drift.yml", "heartbeat", "schedule", scenario.first)
    assert (job.code, scenario.api.enabled) == (0, ["drift.yml"])
    assert scenario.runner.job("drift.yml", "heartbeat", "workflow_dispatch", scenario.first).skipped
