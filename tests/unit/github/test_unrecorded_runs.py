"""Runs that may have applied and are not on record; the workflow is in tests/e2e/test_sync_workflow.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from support.workflow_step import Step, workflow_step

from reconciler.errors import PlanFileError
from reconciler.github.environment import open_github, read_workflow
from reconciler.github.unrecorded_runs import describe_unrecorded_run
from reconciler.session.network import read_network

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
SENT = {"Apply": "success", "Confirm that nothing was sent": "skipped"}
LOST = "Run {} of the workflow {} may have applied, and its record is not on the record branch."


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    with workflow_step(tmp_path, monkeypatch, RecordingTerminal()) as made:
        yield made


@pytest.fixture
def clone(tmp_path: Path) -> GitRepository:
    """A repository with a record branch that is empty."""
    made = GitRepository(tmp_path / "clone")
    made.commit("Begin", {"a": "b"}, tracked=".")
    made.git("branch", "reconciler-record")
    return made


def put_on_record(clone: GitRepository, *runs: object) -> None:
    """Put the receipts of runs (`id/attempt`) on the record branch."""
    clone.git("checkout", "--quiet", "reconciler-record")
    for run in runs:
        name = hashlib.sha256(str(run).encode()).hexdigest()[:12]
        line = {"event": "apply_started", "run": run, "plan_id": "sha256:0", "time": "2026-12-01T07:00:00Z"}
        clone.commit("Record", {f"plans/2026-12-01-{name}/receipt.jsonl": json.dumps(line) + "\n"}, tracked=".")
    clone.git("checkout", "--quiet", "main")


def ran(step: Step, workflow: str = "sync.yml", number: int = 1, hours: float = 1, **changes: object) -> int:
    """Add a run that ended some hours ago."""
    at = (NOW - timedelta(hours=hours)).isoformat()
    made = {"status": "completed", "conclusion": "failure", "created_at": at, "updated_at": at, **changes}
    return step.api.run(number, workflow, str(made.pop("event", "schedule")), **made)


def describe(clone: GitRepository) -> str | None:
    with open_github(read_network()) as hub:
        return describe_unrecorded_run(hub, read_workflow(), clone.root, "reconciler-record", NOW)


@pytest.mark.parametrize(("workflow", "event"), [("sync.yml", "schedule"), ("apply.yml", "push")])
@pytest.mark.parametrize("steps", [SENT, {"Apply": "failure"}, {"Apply": "cancelled"}, {"Apply": ""}])
def test_a_run_that_may_have_sent_has_to_be_on_record(
    workflow: str, event: str, steps: dict[str, str], step: Step, clone: GitRepository
) -> None:
    run = ran(step, workflow, event=event)
    step.api.job(run, "apply", steps)
    assert str(describe(clone)).startswith(LOST.format(1, workflow.removesuffix(".yml")))
    put_on_record(clone, f"{run}/2", f"1{run}/1", None, 5)
    assert describe(clone) is not None, "another attempt, another run"
    put_on_record(clone, f"{run}/1")
    assert describe(clone) is None


@pytest.mark.parametrize(
    "steps",
    [
        {},
        {"Apply": "skipped"},
        {"Set up job": "failure"},
        {"Apply": "success", "Confirm that nothing was sent": "success"},
        {"Apply": "failure", "Confirm that nothing was sent": "success"},
    ],
)
@pytest.mark.parametrize("caller", ["", "calling / "])
def test_a_run_that_sent_nothing_needs_no_record(
    steps: dict[str, str], caller: str, step: Step, clone: GitRepository
) -> None:
    run = ran(step)
    step.api.job(run, f"{caller}read", {"Import": "success"})
    step.api.job(run, f"{caller}apply", steps)
    step.api.job(run, f"{caller}record", {"Add plan and receipt to the record": "failure"})
    assert describe(clone) is None


def test_jobs_that_are_not_listed_are_doubt(step: Step, clone: GitRepository) -> None:
    ran(step, conclusion="cancelled")
    assert describe(clone) is None
    run = ran(step, number=2)
    assert str(describe(clone)).startswith(LOST.format(2, "sync"))
    step.api.job(run, "another name", {"Something": "success"})
    assert str(describe(clone)).startswith(LOST.format(2, "sync"))


def test_what_limits_no_longer_count_is_not_asked_for(step: Step, clone: GitRepository) -> None:
    run = ran(step, hours=26)
    step.api.job(run, "apply", SENT)
    assert describe(clone) is None
    step.api.runs[run].update(updated_at=(NOW - timedelta(hours=24.5)).isoformat())
    assert describe(clone) is not None, "it ended later"
    step.api.runs[run].update(status="in_progress", updated_at=(NOW - timedelta(hours=26)).isoformat())
    assert describe(clone) is not None, "it has not ended"
    step.api.runs[run].update(status="completed", updated_at="soon")
    assert describe(clone) is not None, "nobody knows when it ended"


def test_each_attempt_that_applied_needs_a_record(step: Step, clone: GitRepository) -> None:
    run = ran(step)
    step.api.job(run, "apply", SENT, started_at="2026-12-01T06:00:00Z")
    step.api.job(run, "apply", SENT, started_at="2026-12-01T07:00:00Z", run_attempt=2)
    put_on_record(clone, f"{run}/1")
    assert describe(clone) is not None
    put_on_record(clone, f"{run}/2")
    assert describe(clone) is None
    # `record` alone is run again: GitHub lists the other jobs with the new attempt too.
    step.api.job(run, "apply", SENT, started_at="2026-12-01T07:00:00Z", run_attempt=3)
    assert describe(clone) is None


def test_this_attempt_has_not_applied_yet_but_an_earlier_one_may_have(
    step: Step, clone: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ran(step, status="in_progress")
    monkeypatch.setenv("GITHUB_RUN_ID", str(run))
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    step.api.job(run, "apply", {"Apply": ""}, started_at="2026-12-01T07:00:00Z", run_attempt=2)
    assert describe(clone) is None
    step.api.job(run, "apply", SENT, started_at="2026-12-01T06:00:00Z")
    assert describe(clone) is not None


def test_a_deleted_run_is_doubt_for_as_long_as_it_would_count(step: Step, clone: GitRepository) -> None:
    for number, hours in ((4, 60), (6, 50), (7, 26), (9, 1)):
        step.api.job(ran(step, number=number, hours=hours), "apply", {})
    assert str(describe(clone)).startswith("Run 8 of the workflow sync was deleted, and it may have applied.")
    step.api.job(ran(step, number=8, hours=2), "apply", {})
    assert describe(clone) is None


DELETED = "Run {} of the workflow {} was deleted, and it may have applied."


@pytest.mark.parametrize("workflow", ["sync.yml", "apply.yml"])
def test_the_oldest_runs_that_were_deleted_are_doubt_too(workflow: str, step: Step, clone: GitRepository) -> None:
    for number in (5, 6):
        step.api.job(ran(step, workflow, number=number, hours=8 - number), "apply", {})
    assert str(describe(clone)).startswith(DELETED.format(4, workflow.removesuffix(".yml")))
    for number in (1, 2, 3, 4):
        step.api.job(ran(step, workflow, number=number, hours=9 - number), "apply", {})
    assert describe(clone) is None


def test_runs_that_were_deleted_before_one_that_no_longer_counts_are_none(step: Step, clone: GitRepository) -> None:
    step.api.job(ran(step, number=7, hours=25.5), "apply", {})
    step.api.job(ran(step, number=8, hours=1), "apply", {})
    assert describe(clone) is None


def test_a_run_from_long_ago_shows_which_one_was_the_next(step: Step, clone: GitRepository) -> None:
    step.api.job(ran(step, "apply.yml", number=5, hours=24 * 100), "apply", {})
    step.api.job(ran(step, "apply.yml", number=7, hours=1), "apply", {})
    assert str(describe(clone)).startswith(DELETED.format(6, "apply"))
    step.api.job(ran(step, "apply.yml", number=6, hours=2), "apply", {})
    assert describe(clone) is None


def test_the_runs_of_many_pages_are_seen(step: Step, clone: GitRepository) -> None:
    for number in range(2, 252):
        step.api.job(ran(step, number=number, hours=(252 - number) / 20), "apply", {})
    assert str(describe(clone)).startswith(DELETED.format(1, "sync"))
    step.api.job(ran(step, number=1, hours=13), "apply", {})
    assert describe(clone) is None


def test_runs_that_cannot_apply_are_not_looked_at(step: Step, clone: GitRepository) -> None:
    for number, changes in ((1, {"head_branch": "other"}), (2, {"event": "pull_request"})):
        step.api.job(ran(step, number=number, **changes), "apply", SENT)
    assert describe(clone) is None


def test_a_damaged_receipt_is_an_error(step: Step, clone: GitRepository) -> None:
    step.api.job(ran(step), "apply", SENT)
    clone.git("checkout", "--quiet", "reconciler-record")
    clone.commit("Record", {"plans/2026-12-01-000000000000/receipt.jsonl": "x\n{}\n"}, tracked=".")
    with pytest.raises(PlanFileError):
        describe(clone)
