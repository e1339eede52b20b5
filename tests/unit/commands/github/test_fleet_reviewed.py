from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fleet_documents import build_document, format_document
from support.servers.github_api import Token
from support.workflow_step import HEAD, MERGED, Step

from reconciler.commands.github.fleet_reviewed import NamedRun, run_fleet_reviewed
from reconciler.errors import ExitCode, StalePlanError, UsageError
from reconciler.github.reviewed_plan import NotReviewedError

RESULTS: dict[str, Any] = {"acme": {"create": 1}, "beta": {}}
PLAN_ID = build_document(RESULTS)["id"]
FILES = {
    "fleet-plan.json": format_document(RESULTS).encode(),
    "acme/plan.json": b"1",
    "beta/plan.json": b"2",
    "other/plan.json": b"3",
    "acme/output.txt": b"4",
}


def keep(step: Step, files: dict[str, bytes], workflow: str = "plan.yml", event: str = "pull_request_target") -> int:
    """Keep plans as what a run made for pull request 7, which is merged."""
    run = step.api.run(1, workflow, event, head_sha=HEAD)
    step.api.artifact(run, f"reviewed-plan-{HEAD}", files)
    step.api.status(HEAD, f"{PLAN_ID} of run {run}: 2 tenants")
    step.api.pull(7, HEAD, MERGED)
    return run


def test_the_plans_that_the_reviewed_one_names_are_saved(step: Step, tmp_path: Path) -> None:
    keep(step, FILES)
    assert run_fleet_reviewed(tmp_path / "reviewed", None, step.terminal) is ExitCode.OK
    saved = {path.relative_to(tmp_path / "reviewed").as_posix() for path in (tmp_path / "reviewed").rglob("*.*")}
    assert saved == {"fleet-plan.json", "acme/plan.json", "beta/plan.json"}, "nothing else was reviewed"
    assert (tmp_path / "reviewed/acme/plan.json").read_bytes() == b"1"
    assert step.terminal.notes == [f"Reviewed in pull request 7 at {HEAD[:12]}: {PLAN_ID}, 2 tenants"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, "fleet-plan.json": format_document({"acme": {}}).encode()}, "not kept any more, or others are"),
        ({**FILES, "fleet-plan.json": b"{}"}, "not kept any more, or others are"),
        ({"acme/plan.json": b"1"}, "not kept any more, or others are"),
        ({name: text for name, text in FILES.items() if name != "beta/plan.json"}, 'of tenant "beta" is not in'),
    ],
)
def test_other_plans_are_not_believed(step: Step, tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    keep(step, files)
    with pytest.raises(NotReviewedError, match=message):
        run_fleet_reviewed(tmp_path / "reviewed", None, step.terminal)
    assert not (tmp_path / "reviewed").exists()


def test_a_person_names_the_plans_of_a_run_that_looked_for_drift(step: Step, tmp_path: Path) -> None:
    step.api.tokens["t"] = Token(permissions={"contents": "read", "actions": "read"})
    run = keep(step, FILES, "drift.yml", "schedule")
    assert run_fleet_reviewed(tmp_path / "reviewed", NamedRun(PLAN_ID, run), step.terminal) is ExitCode.OK
    with pytest.raises(NotReviewedError, match="not kept any more"):
        run_fleet_reviewed(tmp_path / "others", NamedRun("sha256:" + "0" * 64, run), step.terminal)
    other = keep(step, FILES)
    with pytest.raises(NotReviewedError, match="comes from another workflow"):
        run_fleet_reviewed(tmp_path / "others", NamedRun(PLAN_ID, other), step.terminal)


def test_nothing_is_added_to_a_directory_and_no_older_run_follows_a_later_one(step: Step, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        run_fleet_reviewed(tmp_path, None, step.terminal)
    keep(step, FILES)
    later = step.api.run(4, "apply.yml", "push", status="completed", conclusion="success")
    step.api.job(later, "rest (1/1, 5)", {"Apply": "success"})
    with pytest.raises(StalePlanError, match="run 4 of this workflow, for a later commit, has applied"):
        run_fleet_reviewed(tmp_path / "reviewed", None, step.terminal)
