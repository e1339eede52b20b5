"""The workflows of a fleet, run job by job as GitHub orders them: from the pull request to the record."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fleet_scenario import FleetScenario
from support.workflow_runner import Job, git

from reconciler.fleet.applied import write_applied
from reconciler.sandbox.seed import edit_user, list_users

ADA, ALAN = "ada.example@it.example.com", "alan.example@school.example.com"


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetScenario]:
    opened = FleetScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


def change_both(root: Path) -> None:
    for people in root.glob("tenants/*/users/people.yaml"):
        people.write_text(people.read_text().replace('costCenter: "1400"', 'costCenter: "1500"'))


def test_what_was_reviewed_is_applied_wave_by_wave_and_recorded_in_one_commit(scenario: FleetScenario) -> None:
    head = scenario.change(change_both)
    planned = scenario.plan(head)
    assert {name: job.result for name, job in planned.items()} == dict.fromkeys(
        ("matrix", "plan", "comment"), "success"
    ), [(step.name, step.said) for job in planned.values() for step in job.steps if step.code]
    (comment,) = scenario.api.comments[7]
    assert "acme-school" in comment["body"]
    assert scenario.api.statuses[head][0]["state"] == "success"
    assert scenario.users("acme") == [], "a plan writes nothing"

    merged = scenario.merge(head)
    applied = scenario.apply(merged)
    assert {name: job.result for name, job in applied.items()} == {
        "reviewed": "success",
        "canary": "success",
        "gate-canary": "success",
        "early": "skipped",
        "gate-early": "success",
        "rest": "success",
        "gate-rest": "success",
        "record": "success",
    }, [(step.name, step.said) for job in applied.values() for step in job.steps if step.code]
    assert (scenario.users("acme"), scenario.users("acme-school")) == ([ADA], [ALAN])
    listed = git(scenario.origin, "ls-tree", "-r", "--name-only", "reconciler-record").splitlines()
    assert "fleet/applied.json" in listed
    for tenant in ("acme", "acme-school"):
        assert [name for name in listed if name.startswith(f"tenants/{tenant}/plans/") and name.endswith(".jsonl")]
    assert git(scenario.origin, "rev-list", "--count", "reconciler-record") == "1"
    assert f'"commit": "{merged}"' in git(scenario.origin, "show", "reconciler-record:fleet/applied.json")


def test_a_canary_that_fails_stops_the_rest(scenario: FleetScenario) -> None:
    head = scenario.change(change_both)
    scenario.plan(head)
    merged = scenario.merge(head)
    (scenario.root / "tokens/acme").write_text("another-token")
    applied = scenario.apply(merged)
    assert [applied[name].result for name in ("reviewed", "canary", "gate-canary")] == ["success", "failure", "failure"]
    assert [step.code for step in applied["gate-canary"].steps if step.name == "Gate"] == [3]
    for name in ("early", "gate-early", "rest", "gate-rest"):
        assert applied[name].result == "skipped", name
    assert scenario.users("acme-school") == [], "its service saw no request"
    assert applied["record"].result == "failure", "who is open makes the run red"
    opened = git(scenario.origin, "show", "reconciler-record:fleet/applied.json")
    assert '"acme"' in opened
    assert '"acme-school"' in opened


def limit(scenario: FleetScenario, guard: str, old: int, new: int) -> None:
    """Set a guard of fleet.yaml on the default branch."""
    path = scenario.origin / "fleet.yaml"
    text = path.read_text()
    assert f"{guard}: {old}" in text
    path.write_text(text.replace(f"{guard}: {old}", f"{guard}: {new}"))
    scenario.commit(f"Limit {guard}")


def change_defaults(root: Path) -> None:
    change_both(root)
    (root / "defaults/scope.yaml").write_text((root / "defaults/scope.yaml").read_text() + "# reviewed\n")


def edit_after_apply(scenario: FleetScenario, tenant: str) -> None:
    """Let somebody edit the users of a tenant between its apply and the look for drift."""
    marker, script = scenario.root / "applied-once", scenario.root / "token"
    script.write_text(
        f"#!/bin/sh\nif [ $1 = {tenant} ]; then\n  if [ -e {marker} ]; then {sys.executable} {script}-edit.py; fi\n"
        f"  touch {marker}\nfi\ncat {scenario.root}/tokens/$1\n"
    )
    Path(f"{script}-edit.py").write_text(
        "from pathlib import Path\nfrom reconciler.sandbox.seed import edit_user, list_users\n"
        f"state = Path('{scenario.root}/{tenant}.db')\n"
        "for user in list_users(state):\n    edit_user(state, user['userName'], {'name.familyName': 'Edited'})\n"
    )
    script.chmod(0o700)
    scenario.runner.vars = {"RECONCILER_TOKEN_COMMAND": f"{script} {{tenant}}"}


def test_a_canary_that_drifts_stops_a_change_by_defaults_until_it_is_free_of_drift(scenario: FleetScenario) -> None:
    limit(scenario, "tenants_changed_by_defaults", 50, 1)
    head = scenario.change(change_defaults)
    scenario.plan(head)
    merged = scenario.merge(head)
    command = scenario.runner.vars
    edit_after_apply(scenario, "acme")
    applied = scenario.apply(merged)
    assert [step.code for step in applied["canary"].steps if step.name in ("Apply", "Look for drift")] == [0, 2], [
        (s.name, s.said) for s in applied["canary"].steps
    ]
    assert [step.code for step in applied["gate-canary"].steps if step.name == "Gate"] == [3]
    assert "of the first wave without a drift that shows no differences" in applied["gate-canary"].said("Gate")
    for name in ("early", "gate-early", "rest", "gate-rest"):
        assert applied[name].result == "skipped", name
    assert scenario.users("acme-school") == [], "its service saw no request"
    opened = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    assert opened["open"] == opened["unproven"] == ["acme", "acme-school"], "it has to be proven yet"

    scenario.runner.vars = command
    edit_user(scenario.root / "acme.db", ADA, {"name.familyName": "Example"})
    again = scenario.run_failed_again()
    assert again["canary"].attempt == 2
    assert again["record"].result == "success", [
        (step.name, step.said) for job in again.values() for step in job.steps if step.code
    ]
    assert scenario.users("acme-school") == [ALAN]
    done = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    assert (done["open"], done["unproven"]) == ([], [])


def record_new(scenario: FleetScenario, tenant: str) -> None:
    """Let the record say that the tenant was never applied."""
    root = scenario.root / "record"
    write_applied(root, scenario.first, [tenant], [tenant])
    for command in (("init", "-b", "record"), ("add", "-A"), ("commit", "-m", "Record")):
        git(root, *command)
    git(root, "push", str(scenario.origin), "HEAD:refs/heads/reconciler-record")


def test_too_many_new_tenants_stop_before_any_write_until_they_are_approved(scenario: FleetScenario) -> None:
    limit(scenario, "new_tenants", 5, 0)
    record_new(scenario, "acme-school")
    head = scenario.change(change_both)
    scenario.plan(head)
    plan_id = scenario.api.statuses[head][0]["description"]
    first = git(scenario.origin, "rev-parse", "main")
    applied = scenario.apply(scenario.merge(head))
    (failed,) = (step for step in applied["reviewed"].steps if step.code)
    assert (failed.name, failed.code) == ("Matrix of the wave canary", 3)
    assert "the guard new_tenants blocks this: 1 new tenant, the limit is 0" in failed.said
    assert {applied[name].result for name in ("canary", "gate-canary", "early", "rest")} == {"skipped"}
    assert scenario.users("acme") == scenario.users("acme-school") == []
    opened = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    assert opened["new"] == ["acme-school"], "it stays new"
    git(scenario.origin, "reset", "--hard", first)
    git(scenario.root / "record", "push", "--force", str(scenario.origin), "HEAD:refs/heads/reconciler-record")
    git(scenario.origin, "branch", "-D", "change")

    def approve(root: Path) -> None:
        change_both(root)
        identity = re.search("sha256:[0-9a-f]{64}", plan_id)
        assert identity is not None
        today = datetime.now(UTC).date() + timedelta(days=3)
        with (root / "fleet.yaml").open("a") as file:
            file.write(
                f"approvals: [{{plan: '{identity[0]}', lifts: [new_tenants], until: {today}, reason: a school}}]\n"
            )

    approved = scenario.change(approve)
    scenario.plan(approved)
    applied = scenario.apply(scenario.merge(approved))
    assert applied["gate-rest"].result == "success", [
        (step.name, step.said) for job in applied.values() for step in job.steps if step.code
    ]
    assert "The guard new_tenants is lifted by an approval" in applied["gate-rest"].said("Gate")
    assert (scenario.users("acme"), scenario.users("acme-school")) == ([ADA], [ALAN])


def test_a_shard_whose_job_dies_is_named_stays_open_and_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = FleetScenario(tmp_path, monkeypatch, ["beta", "gamma"])
    try:
        limit(scenario, "failed: {count", 3, 0)
        head = scenario.change(change_both)
        scenario.plan(head)
        applied = scenario.run("apply.yml", "push", scenario.merge(head), dies={("rest", 1)})
        assert [leg.result for leg in scenario.legs["rest"]] == ["success", "failure", "success"]
        (gate,) = (step for step in applied["gate-rest"].steps if step.name == "Gate")
        assert gate.code == 3
        (dead,) = (each for each in ("acme-school", "beta", "gamma") if not scenario.users(each))
        assert f"  {dead}: no result\n" in gate.said
        opened = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
        assert opened["open"] == [dead]

        again = scenario.run_failed_again()
        assert [leg.attempt for leg in scenario.legs["rest"]] == [1, 2, 1], "what was complete counts"
        assert again["record"].result == "success", [
            (step.name, step.said) for job in again.values() for step in job.steps if step.code
        ]
        assert len(scenario.users(dead)) == 1
        done = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
        assert done["open"] == []
        listed = git(scenario.origin, "ls-tree", "-r", "--name-only", "reconciler-record").splitlines()
        for tenant in ("acme", "acme-school", "beta", "gamma"):
            found = [name for name in listed if name.startswith(f"tenants/{tenant}/plans/") and name.endswith(".jsonl")]
            assert len(found) == 1, "nothing was applied twice"
    finally:
        scenario.close()


def test_a_small_fleet_has_its_tokens_in_one_secret(scenario: FleetScenario) -> None:
    tokens = {tenant: (scenario.root / "tokens" / tenant).read_text() for tenant in ("acme", "acme-school")}
    scenario.runner.vars, scenario.runner.secrets = {}, {"RECONCILER_FLEET_TOKENS": json.dumps(tokens)}
    head = scenario.change(change_both)
    planned = scenario.plan(head)
    applied = scenario.apply(scenario.merge(head))
    assert (scenario.users("acme"), scenario.users("acme-school")) == ([ADA], [ALAN])
    for job in (planned["plan"], applied["canary"], applied["rest"]):
        assert job.ran("Remove the tokens")
        for step in job.steps:
            said = re.sub("::add-mask::.*", "", step.said)
            assert not any(token in said for token in tokens.values()), step.name
    assert "This job has 1 token of 2." in applied["canary"].said("Tokens")
    assert list(scenario.root.glob("runs/*/temp/reconciler-tokens-*")) == []


def test_a_switch_in_a_later_commit_holds_the_tenant(scenario: FleetScenario) -> None:
    head = scenario.change(change_both)
    scenario.plan(head)
    merged = scenario.merge(head)
    settings = scenario.origin / "tenants/acme-school/settings.yaml"
    settings.write_text(f"{settings.read_text()}provisioning: {{enabled: false, reason: A move}}\n")
    scenario.commit("Switch off")
    applied = scenario.apply(merged)
    assert (scenario.users("acme"), scenario.users("acme-school")) == ([ADA], [])
    assert applied["rest"].result == "success", [(step.name, step.said) for step in applied["rest"].steps if step.code]
    opened = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    assert opened["open"] == ["acme-school"]


def test_nothing_is_applied_that_was_not_reviewed(scenario: FleetScenario) -> None:
    applied = scenario.apply(scenario.first)
    assert [step.code for step in applied["reviewed"].steps if step.code] == [4]
    assert {job.result for name, job in applied.items() if name not in ("reviewed", "record")} == {"skipped"}
    assert scenario.users("acme") == []


def test_the_plans_that_drift_made_can_be_applied_by_a_person(scenario: FleetScenario) -> None:
    main = git(scenario.origin, "rev-parse", "main")
    done = scenario.run("drift.yml", "workflow_dispatch", main)
    assert {name: job.result for name, job in done.items() if name != "heartbeat"} == dict.fromkeys(
        ("matrix", "drift", "issue", "record"), "success"
    ), [(step.name, step.said) for job in done.values() for step in job.steps if step.code]
    (issue,) = scenario.api.issues
    assert "(part 1/1)" in issue["title"]
    (kept,) = (each for each in scenario.api.artifacts if each["name"] == f"reviewed-plan-{main}")
    plan_id = re.search("sha256:[0-9a-f]{64}", issue["body"])
    assert plan_id is not None
    inputs = {"plan-id": plan_id[0], "run": str(kept["run"])}
    applied = scenario.run("apply.yml", "workflow_dispatch", main, {"inputs": inputs})
    assert applied["record"].result == "success", [
        (step.name, step.said) for job in applied.values() for step in job.steps if step.code
    ]
    assert (scenario.users("acme"), scenario.users("acme-school")) == ([ADA], [ALAN])
    scenario.run("drift.yml", "workflow_dispatch", main)
    assert [each["state"] for each in scenario.api.issues] == ["closed"]


def read_applied_on_branch(scenario: FleetScenario) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    return found


def test_what_waits_for_an_apply_is_due_until_a_person_applies_the_plans_of_drift(scenario: FleetScenario) -> None:
    head = scenario.change(change_both)
    scenario.plan(head)
    scenario.apply(scenario.merge(head))
    # Merged, and its apply does not run: the tenant waits as it does after a date has passed.
    people = scenario.origin / "tenants/acme/users/people.yaml"
    people.write_text(people.read_text().replace("Ada", "Adele"))
    main = scenario.commit("Not applied")
    done = scenario.run("drift.yml", "workflow_dispatch", main)
    assert {name: job.result for name, job in done.items() if name != "heartbeat"} == dict.fromkeys(
        ("matrix", "drift", "issue", "record"), "success"
    ), [(step.name, step.said) for job in done.values() for step in job.steps if step.code]
    assert read_applied_on_branch(scenario)["due"] == ["acme"]
    (issue,) = scenario.api.issues
    assert issue["state"] == "open"
    assert "1 change waits for an apply, in 1 tenant: `acme`." in issue["body"]
    (plan_id,) = set(re.findall("id (sha256:[0-9a-f]{64})", issue["body"]))
    run = re.findall(r"and the run (\d+)\.", issue["body"])[0]
    applied = scenario.run("apply.yml", "workflow_dispatch", main, {"inputs": {"plan-id": plan_id, "run": run}})
    assert applied["record"].result == "success", [
        (step.name, step.said) for job in applied.values() for step in job.steps if step.code
    ]
    assert (read_applied_on_branch(scenario)["open"], read_applied_on_branch(scenario)["due"]) == ([], [])
    scenario.run("drift.yml", "workflow_dispatch", main)
    assert [each["state"] for each in scenario.api.issues] == ["closed"]


def test_failed_jobs_that_are_run_again_undo_no_later_apply(scenario: FleetScenario) -> None:
    """The revert of a commit that failed is applied without a change, and so without a receipt."""
    head = scenario.change(change_both)
    scenario.plan(head)
    scenario.apply(scenario.merge(head))
    assert scenario.users("acme-school") == [ALAN]
    people = scenario.origin / "tenants/acme-school/users/people.yaml"
    text = people.read_text()

    file = scenario.root / "tokens/acme-school"
    right = file.read_text()

    def run_change(edited: str, token: str) -> tuple[str, dict[str, Job]]:
        git(scenario.origin, "branch", "-D", "change")
        head = scenario.change(lambda _root: people.write_text(edited))
        scenario.plan(head)
        merged = scenario.merge(head)
        file.write_text(token)
        return merged, scenario.apply(merged)

    _, jobs = run_change(text.replace("Alan", "Alonso"), "another-token")
    assert jobs["rest"].result == "failure"
    failed = scenario.keep_run()
    file.write_text(right)
    reverted, jobs = run_change(text, right)
    assert {job.result for job in jobs.values()} == {"success", "skipped"}
    scenario.return_to(failed)
    again = scenario.run_failed_again()
    assert [step.code for step in again["rest"].steps if step.name == "Apply"] == [4]
    (user,) = list_users(scenario.root / "acme-school.db")
    assert user["name"]["givenName"] == "Alan", "what the revert restored is as it was"
    record = json.loads(git(scenario.origin, "show", "reconciler-record:fleet/applied.json"))
    assert (record["commit"], record["open"]) == (reverted, [])
