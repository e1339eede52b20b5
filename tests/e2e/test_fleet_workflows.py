"""The workflows of a fleet, run job by job as GitHub orders them: from the pull request to the record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_scenario import FleetScenario
from support.workflow_runner import git

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
