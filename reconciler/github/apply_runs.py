"""Runs of the apply workflow, and whether each of them applied.

Only what the run alone can write is evidence that it did *not* apply: GitHub's list of its steps, and its
artifact. Everyone with write access can write to the record branch, but not to these. They can delete a run or an
artifact, so a missing one proves nothing (docs/decisions/0039-later-runs.md).
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

from reconciler.errors import PlanFileError, StalePlanError
from reconciler.github.api import GitHub, Json, number_at, objects_at, text_at, time_at
from reconciler.record.layout import RECEIPT
from reconciler.record.reader import read_all_runs
from reconciler.record.runs import ApplyRun

_APPLY_JOB = "apply"
"""The job of the workflows `apply` and `sync` that has the step; `… / apply` if another workflow calls them."""
APPLY_STEP = "Apply"
"""The step of the workflow that applies."""
_NOTHING_SENT_STEP = "Confirm that nothing was sent"
"""The step that runs only if no receipt was written: without one, no request that writes was sent."""
OFF_STEP = "Plan without applying"
"""The step that runs in place of `APPLY_STEP` while provisioning is off."""
_SETUP_STEP = "Set up job"
"""GitHub's own first step: a job that failed there ran nothing of the workflow."""
ARTIFACT = "plans"
"""The artifact with the record of a run."""
_CAUSES = ("push", "workflow_dispatch")
"""The events that start an apply. A branch, or a fork with a branch of the same name, can run the file for others."""
_NEVER_STARTED = ("cancelled", "skipped", "startup_failure", "stale", "action_required")
"""Conclusions of a run without jobs: it ended before it began."""
_WORD = re.compile(r"[a-z_]{0,40}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_RECEIPTS = 1_000
_MAX_BYTES = 256 * 1024 * 1024
_MAX_EARLIER_RUNS = 20
"""How many runs are searched for one that applied."""
_MAX_WAITING_RUNS = 200
"""How many runs are searched for one that has not ended: 100 can wait in the queue."""
_WAY_OUT = (
    "Nothing was changed. Re-run the newest run of this workflow instead, or review a plan of the default branch\n"
    "(the drift workflow makes one) and start this workflow manually with its plan id."
)
_WAIT = "Nothing was changed. Wait until that run has finished, then re-run this one."


class Applied(StrEnum):
    """Whether a run applied anything."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """Whether a run applied, and the reason for this verdict: a predicate that follows the name of the run."""

    applied: Applied
    why: str


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of the apply workflow. `commit` "": not known. `conclusion` is empty until it has ended."""

    id: int
    number: int
    commit: str
    status: str
    conclusion: str

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.status == "completed"


def refuse_after_later_runs(hub: GitHub, workflow: str, branch: str, run_number: int) -> list[WorkflowRun]:
    """Return the later runs, none of which has applied.

    Raises `StalePlanError` if one has, or if that is not known: this run's older commit could undo its changes.
    """
    numbers = {run_number}
    later: list[WorkflowRun] = []
    for item in list_runs(hub, workflow):
        run = parse_run(item)
        if run.number < run_number:
            break
        numbers.add(run.number)
        if run.number > run_number and _can_apply(item, branch):
            later.append(run)
    for run in later:
        verdict = judge_run(hub, run)
        if verdict.applied is Applied.YES:
            raise StalePlanError(f"run {run.number} of this workflow, for a later commit, has applied", _WAY_OUT)
        if verdict.applied is Applied.RUNNING:
            raise StalePlanError(f"run {run.number} of this workflow, for a later commit, is running", _WAIT)
        if verdict.applied is Applied.UNKNOWN:
            summary = f"run {run.number} of this workflow, for a later commit, may have applied: it {verdict.why}"
            raise StalePlanError(summary, _WAY_OUT)
    missing = next((each for each in range(run_number, max(numbers)) if each not in numbers), None)
    if missing is not None:
        summary = f"the later run {missing} of this workflow was deleted, and it may have applied"
        raise StalePlanError(summary, _WAY_OUT)
    return later


def find_unapplied_runs(hub: GitHub, workflow: str, branch: str, before: int | None) -> list[tuple[WorkflowRun, str]]:
    """Return the runs that ended without applying since the last one that applied, newest first, and why.

    `before`: the number of a run; only earlier ones are returned.
    """
    found: list[tuple[WorkflowRun, str]] = []
    seen = 0
    for item in list_runs(hub, workflow):
        run = parse_run(item)
        if not _can_apply(item, branch) or not run.ended or (before is not None and run.number >= before):
            continue
        seen += 1
        verdict = judge_run(hub, run)
        if verdict.applied is Applied.YES or seen == _MAX_EARLIER_RUNS:
            break
        found.append((run, verdict.why))
    return found


def describe_waiting_run(hub: GitHub, workflow: str, branch: str) -> str | None:
    """Return a sentence about a run that has not ended, without a full stop; None: there is none among the newest."""
    for item in islice(list_runs(hub, workflow), _MAX_WAITING_RUNS):
        run = parse_run(item)
        if _can_apply(item, branch) and not run.ended:
            return f"Run {run.number} of the apply workflow, for commit {run.commit[:12] or 'unknown'}, has not ended"
    return None


def describe_unapplied_runs(hub: GitHub, workflow: str, branch: str, before: int | None = None) -> list[str]:
    """Return a line for each of `find_unapplied_runs`, without a full stop. No text in it is free."""
    return [
        f"Run {run.number} of the apply workflow, for commit {run.commit[:12] or 'unknown'}, {why}"
        for run, why in find_unapplied_runs(hub, workflow, branch, before)
    ]


def list_runs(hub: GitHub, workflow: str) -> Iterator[Json]:
    """Yield all runs, newest first. Those of other branches are needed too: a missing number is a deleted run."""
    return hub.items(f"/actions/workflows/{workflow}/runs", "workflow_runs")


def _can_apply(item: Json, branch: str) -> bool:
    return text_at(item, "event") in _CAUSES and text_at(item, "head_branch") == branch


def parse_run(item: Json) -> WorkflowRun:
    """Read a run of GitHub's list. Raises `GitHubError` if it has no numbers."""
    return WorkflowRun(
        number_at(item, "id"),
        number_at(item, "run_number"),
        commit if _COMMIT.fullmatch(commit := text_at(item, "head_sha")) else "",
        text_at(item, "status"),
        conclusion if _WORD.fullmatch(conclusion := text_at(item, "conclusion")) else "an unknown conclusion",
    )


# --- one run ----------------------------------------------------------------------


def judge_run(hub: GitHub, run: WorkflowRun) -> RunVerdict:
    """Return whether any attempt of a run applied."""
    jobs = list(hub.items(f"/actions/runs/{run.id}/jobs", "jobs", filter="all"))
    appliers = {text_at(job, "name") for job in jobs if APPLY_STEP in _steps(job)}
    found = [_judge_job(job, appliers) for job in jobs]
    if Applied.YES in found:
        return RunVerdict(Applied.YES, "applied")
    if run.status == "in_progress":
        return RunVerdict(Applied.RUNNING, "is running")
    if not jobs:
        return _judge_without_jobs(run)
    unknown = [job for job, applied in zip(jobs, found, strict=True) if applied is Applied.UNKNOWN]
    if unknown:
        return _judge_by_artifact(hub, run, unknown)
    if any(_steps(job).get(OFF_STEP) in ("success", "failure") for job in jobs):
        return RunVerdict(Applied.NO, "did not apply: provisioning was off")
    return RunVerdict(Applied.NO, _describe_end(run))


def find_sending_attempts(hub: GitHub, run: WorkflowRun) -> set[int]:
    """Return the attempts of a run that may have sent a request that writes: 0 for one that cannot be identified.

    One that went well counts, unless it confirmed that it sent nothing. If a job of a run is run again, GitHub may list
    those that were not with the new attempt too: the same times are the same job.
    """
    jobs = list(hub.items(f"/actions/runs/{run.id}/jobs", "jobs", filter="all"))
    if not jobs:
        return set() if _judge_without_jobs(run).applied is Applied.NO else {0}
    appliers = {text_at(job, "name") for job in jobs if _is_apply_job(job) or APPLY_STEP in _steps(job)}
    first: dict[tuple[str, ...], int] = {}
    for job in jobs:
        if _judge_job(job, appliers) is not Applied.NO and _steps(job).get(_NOTHING_SENT_STEP) != "success":
            same = tuple(text_at(job, key) for key in ("name", "started_at", "completed_at"))
            attempt = number_at(job, "run_attempt")
            first[same] = min(attempt, first.get(same, attempt))
    return set(first.values())


def _is_apply_job(job: Json) -> bool:
    return text_at(job, "name").rpartition(" / ")[2] == _APPLY_JOB


def _describe_end(run: WorkflowRun) -> str:
    if run.conclusion in _NEVER_STARTED:
        return "was cancelled before it applied" if run.conclusion == "cancelled" else "did not start"
    return "failed before it applied"


def _judge_without_jobs(run: WorkflowRun) -> RunVerdict:
    if not run.ended or run.conclusion in _NEVER_STARTED:
        return RunVerdict(Applied.NO, _describe_end(run))
    return RunVerdict(Applied.UNKNOWN, "has ended, but GitHub lists no jobs for it")


def _judge_job(job: Json, appliers: Collection[str]) -> Applied:
    """Return whether one attempt of a job applied, by the conclusions of its steps. `appliers`: jobs that apply."""
    steps = _steps(job)
    if steps.get(APPLY_STEP) == "success":
        return Applied.YES
    if APPLY_STEP in steps:
        nothing_sent = steps[APPLY_STEP] == "skipped" or steps.get(_NOTHING_SENT_STEP) == "success"
        return Applied.NO if nothing_sent else Applied.UNKNOWN
    never_ran = not steps and not job.get("runner_id")
    not_set_up = steps.get(_SETUP_STEP, "success") not in ("success", "")
    other = bool(appliers) and text_at(job, "name") not in appliers
    return Applied.NO if never_ran or not_set_up or other else Applied.UNKNOWN


def _steps(job: Json) -> dict[str, str]:
    """Return the conclusion of each step of a job by its name; "" if it has none yet."""
    return {text_at(step, "name"): text_at(step, "conclusion") for step in objects_at(job, "steps")}


def _judge_by_artifact(hub: GitHub, run: WorkflowRun, jobs: Sequence[Json]) -> RunVerdict:
    """Judge attempts that began to apply and failed, by the receipts that the run kept."""
    kept = [(item, found) for item in _list_artifacts(hub, run) if (found := _read_receipts(hub, item)) is not None]
    receipts = [receipt for _, found in kept for receipt in found]
    own = [each for each in receipts if each.workflow_run.startswith(f"{run.id}/")]
    # Receipts of version 0.1 do not name their run.
    unnamed = [each for each in receipts if not each.workflow_run and each.commit == run.commit]
    if any(each.took_effect for each in (*own, *unnamed)):
        return RunVerdict(Applied.YES, "applied")
    if all(_has_kept_record(job, [item for item, _ in kept]) for job in jobs):
        return RunVerdict(Applied.NO, "failed before it applied")
    ended = run.conclusion or "no conclusion"
    return RunVerdict(Applied.UNKNOWN, f"began to apply and ended with {ended}, and its receipts are not available")


def _has_kept_record(job: Json, kept: Sequence[Json]) -> bool:
    """Whether an artifact was made by this attempt: then it holds every receipt of it."""
    began, ended = time_at(job, "started_at"), time_at(job, "completed_at")
    if began is None or ended is None:
        return False
    return any((made := time_at(item, "created_at")) is not None and began <= made <= ended for item in kept)


def _list_artifacts(hub: GitHub, run: WorkflowRun) -> Iterator[Json]:
    for item in hub.items(f"/actions/runs/{run.id}/artifacts", "artifacts", name=ARTIFACT):
        if text_at(item, "name") == ARTIFACT and item.get("expired") is False:
            yield item


def _read_receipts(hub: GitHub, artifact: Json) -> list[ApplyRun] | None:
    """Return the applies in an artifact; None if it cannot be read."""
    content = hub.download(f"/actions/artifacts/{number_at(artifact, 'id')}/zip")
    with tempfile.TemporaryDirectory(prefix="reconciler-receipts-") as folder:
        try:
            _extract_receipts(content, Path(folder))
            return read_all_runs(Path(folder))
        except Exception:  # noqa: BLE001 - see below
            # A damaged archive makes zipfile fail in a dozen ways: BadZipFile, ValueError, zlib.error, struct.error, …
            return None


def _extract_receipts(content: bytes, into: Path) -> None:
    """Write each receipt of an archive to a directory of its own. No name of the archive is used.

    Raises `PlanFileError` if there are too many or too large ones.
    """
    left = _MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        receipts = [each for each in archive.infolist() if each.filename.rpartition("/")[2] == RECEIPT]
        if len(receipts) > _MAX_RECEIPTS:
            raise PlanFileError(f"the artifact holds more than {_MAX_RECEIPTS:,} receipts", "")
        for number, each in enumerate(receipts):
            with archive.open(each) as member:
                text = member.read(left + 1)
            left -= len(text)
            if left < 0:
                raise PlanFileError("the receipts of the artifact are larger than 256 MiB", "")
            (into / str(number)).mkdir()
            (into / str(number) / RECEIPT).write_bytes(text)
