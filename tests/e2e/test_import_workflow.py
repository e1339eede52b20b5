"""The workflow `import`, step by step: from the directory to a pull request, its plan, its merge and the apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_scenario import ADA_ID, ImportScenario
from support.servers.graph.faults import Fault
from support.workflow_scenario import ADA, GRACE

from reconciler.github.import_branch import BRANCH
from reconciler.github.reviewed_plan import CONTEXT


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImportScenario]:
    opened = ImportScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


def test_a_person_comes_from_the_directory_to_the_target(scenario: ImportScenario) -> None:
    read, pull = scenario.run_import()
    assert (read.code, pull.code) == (0, 0), (read.steps, pull.steps)
    assert scenario.api.pulls == [], "nothing differs"

    scenario.tenant.add_member(scenario.staff, scenario.hire(GRACE))
    read, pull = scenario.run_import()
    assert (read.code, pull.code) == (0, 0), (read.steps, pull.steps)
    assert GRACE in read.summary
    (opened,) = scenario.api.pulls
    assert opened["title"] == "Import: 1 to add, 0 to change, 0 to disable, 0 to remove; 1 group"
    assert scenario.api.labels[7] == ["additions", "scope"]

    ci, plan = scenario.run_dispatched()
    assert (ci.code, plan.code) == (0, 0), (ci.steps, plan.steps)
    assert "Plan: 1 to create, 0 to update, 0 to delete." in scenario.comments()[0]
    assert [status["context"] for status in scenario.api.statuses[str(scenario.head(BRANCH))]] == [CONTEXT]
    assert scenario.users() == [ADA]

    _, pull = scenario.run_import()
    assert pull.code == 0, pull.steps
    assert opened["merged_at"] is not None, pull.steps
    (apply,) = scenario.run_dispatched()
    assert apply.code == 0, apply.steps
    assert scenario.users() == [ADA, GRACE]

    _, pull = scenario.run_import()
    assert pull.code == 0, pull.steps
    assert (scenario.head(BRANCH), len(scenario.api.pulls)) == (None, 1)


def test_an_attribute_that_is_the_user_name_is_not_merged_without_a_review(scenario: ImportScenario) -> None:
    scenario.edit("mappings.yaml", "source: userPrincipalName, match: 2", "source: mail, match: 2")
    people = scenario.origin / "desired-state/users/people.yaml"
    people.write_text(f"{people.read_text().rstrip()}\n  mail: {ADA}\n")
    scenario.commit("The user name is the address")
    scenario.tenant.set(ADA_ID, mail="ceo@example.com")
    scenario.run_import()
    assert [job.code for job in scenario.run_dispatched()] == [0, 0]
    _, pull = scenario.run_import()
    assert (pull.code, scenario.api.pulls[0]["state"], scenario.api.dispatches) == (0, "open", [])
    assert "- the plan changes userName, externalId or active of 1 account" in scenario.api.pulls[0]["body"]
    assert scenario.users() == [ADA]


def test_a_read_that_is_not_complete_or_blocked_opens_nothing(scenario: ImportScenario) -> None:
    scenario.graph.faults.append(Fault("/members", call=1, status=403))
    main = str(scenario.head("main"))
    read = scenario.runner.job("import.yml", "read", "schedule", main)
    assert read.code == 1
    assert "Microsoft Graph refused" in read.summary
    assert scenario.api.artifacts == []

    scenario.graph.faults.clear()
    scenario.tenant.add_member(scenario.staff, scenario.hire(GRACE))
    scenario.tenant.remove_member(scenario.staff, ADA_ID)
    scenario.edit("settings.yaml", "removals: {count: 10, percent: 10}", "removals: {count: 0}")
    scenario.edit("settings.yaml", "auto_merge: 1", "on_missing: disable")
    read = scenario.runner.job("import.yml", "read", "schedule", scenario.commit("Strict"))
    assert read.code == 3, read.steps
    assert "This import is blocked: nothing was written." in read.summary
    assert not read.ran("Save what changed")
