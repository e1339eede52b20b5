"""The workflow `report`: off, kept as an artifact, or published without names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.workflow_runner import Job, git
from support.workflow_scenario import ADA, WorkflowScenario


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowScenario]:
    opened = WorkflowScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


def run(scenario: WorkflowScenario, name: str, done: Job | None = None) -> Job:
    main = git(scenario.origin, "rev-parse", "main")
    return scenario.runner.job("report.yml", name, "schedule", main, needs={"report": done} if done else None)


def pages(scenario: WorkflowScenario) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(scenario.api.contents[scenario.api.artifacts[-1]["id"]])) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_report_is_kept_as_an_artifact_where_the_repository_wants_it(scenario: WorkflowScenario) -> None:
    assert run(scenario, "report").skipped
    assert scenario.api.artifacts == []
    scenario.runner.repository_vars["RECONCILER_REPORT"] = "artifact"
    kept = run(scenario, "report")
    assert kept.code == 0, kept.steps
    assert ADA in pages(scenario)["users.html"]
    assert run(scenario, "publish", kept).skipped
    scenario.runner.visibility = "public"
    assert run(scenario, "report").code == 0
    assert "ada.example" not in "".join(pages(scenario).values()).casefold()


@pytest.mark.parametrize(("wanted", "named"), [("pages", False), ("private-pages", True)])
def test_what_is_published_has_names_only_where_pages_are_private(
    scenario: WorkflowScenario, wanted: str, named: bool
) -> None:
    scenario.runner.repository_vars["RECONCILER_REPORT"] = wanted
    made = run(scenario, "report")
    assert (made.code, made.ran("Keep")) == (0, False), made.steps
    published = run(scenario, "publish", made)
    assert published.code == 0, published.steps
    found = {path.name: path.read_text() for path in scenario.runner.pages.rglob("*.html")}
    assert {"index.html", "users.html", "history.html"} <= found.keys()
    assert (ADA in found["users.html"]) is named
    if not named:
        assert "ada.example" not in "".join(found.values()).casefold()
