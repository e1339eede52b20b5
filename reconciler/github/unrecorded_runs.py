"""Runs that may have applied, and whose record is not on the record branch.

Limits over time count what is on record. Without the record of one apply they would start from zero, so nothing is
applied unattended for as long as that apply would count. Nothing is known of a run that was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from reconciler.github.api import GitHub, Json, text_at, time_at
from reconciler.github.apply_runs import WorkflowRun, find_sending_attempts, list_runs, parse_run
from reconciler.github.environment import APPLY_WORKFLOW, SYNC_WORKFLOW, Workflow
from reconciler.record.branch import find_local_tip, read_record_at
from reconciler.record.layout import RECEIPT
from reconciler.record.outlines import parse_lines
from reconciler.record.receipt_line import ApplyStarted

_COUNTED = timedelta(hours=25)
"""How long an apply counts in a limit over time: 24 hours, and one for clocks that differ."""
_RERUN = timedelta(days=66)
"""GitHub runs nothing again after 30 days, and ends a run after 35."""
_RECORD = (
    "Run its job `record` again, in the same run (Re-run failed jobs): the record is in its artifact `plans`. Without"
    " it the limits of `unattended` would start from zero. 25 hours after that run they no longer count it"
)
_DELETED = (
    "Check what it changed. 25 hours after the run that followed it the limits of `unattended` no longer count it"
)
_CAUSES = ("push", "schedule", "workflow_dispatch")


def describe_unrecorded_run(hub: GitHub, here: Workflow, directory: Path, branch: str, now: datetime) -> str | None:
    """Return which run may have applied without a record, and the way out; None: there is none.

    No full stop at the end, and no text in it is free. `directory`: anywhere in a clone that has fetched `branch`, the
    record.

    Raises `GitHubError`, `RepositoryError` or `PlanFileError` if that cannot be known.
    """
    sent: list[tuple[str, WorkflowRun, set[str]]] = []
    for workflow in (SYNC_WORKFLOW, APPLY_WORKFLOW):
        name = workflow.removesuffix(".yml")
        listed = list(_list_since(hub, workflow, now - _RERUN))
        deleted = _find_deleted_run(listed, now)
        if deleted is not None:
            return f"Run {deleted} of the workflow {name} was deleted, and it may have applied. {_DELETED}"
        runs = [parse_run(item) for item in listed if _counts(item, here.branch, now)]
        sent += [(name, run, attempts) for run in runs if (attempts := _find_sent(hub, run, here))]
    # A long record is read only if there is something to look for.
    recorded = _read_recorded_attempts(directory, branch) if sent else set[str]()
    return next(
        (
            f"Run {run.number} of the workflow {name} may have applied, and its record is not on the record branch."
            f" {_RECORD}"
            for name, run, attempts in sent
            if not attempts <= recorded
        ),
        None,
    )


def _list_since(hub: GitHub, workflow: str, time: datetime) -> Iterator[Json]:
    """Yield the runs since a time, newest first, and the one before: its number shows whether that one is the next."""
    for item in list_runs(hub, workflow):
        yield item
        if _is_before(item, "created_at", time):
            return


def _counts(item: Json, branch: str, now: datetime) -> bool:
    """Whether an apply by this run could count in a limit: the run has not ended, or did so a short time ago."""
    if text_at(item, "event") not in _CAUSES or text_at(item, "head_branch") != branch:
        return False
    return text_at(item, "status") != "completed" or not _is_before(item, "updated_at", now - _COUNTED)


def _find_sent(hub: GitHub, run: WorkflowRun, here: Workflow) -> set[str]:
    """Return the attempts that may have sent something, as receipts name them, without the one of this process."""
    attempts = find_sending_attempts(hub, run)
    return {f"{run.id}/{each}" for each in attempts if run.id != here.run or each < here.attempt}


def _find_deleted_run(listed: Sequence[Json], now: datetime) -> int | None:
    """Return a number that is missing among the runs, newest first, of the time that counts and the one before.

    If there is none before, their numbers begin with 1. Those that GitHub deletes itself, after more than a year, are
    a day of doubt where no other run is listed.
    """
    numbers: list[int] = []
    for item in listed:
        numbers.append(parse_run(item).number)
        if _is_before(item, "created_at", now - _COUNTED):
            break
    else:
        numbers += [0] if numbers else []
    return next((newer - 1 for newer, older in pairwise(numbers) if newer - older > 1), None)


def _is_before(item: Json, key: str, time: datetime) -> bool:
    found = time_at(item, key)
    return found is not None and found < time


def _read_recorded_attempts(directory: Path, branch: str) -> set[str]:
    """Return the runs and attempts that receipts on the branch name, `id/attempt`."""
    tip = find_local_tip(directory, branch)
    found = read_record_at(directory, tip, _is_receipt) if tip is not None else ()
    lines = (line for name, content in found for line in parse_lines(content, name))
    return {line.run for line in lines if isinstance(line, ApplyStarted) and isinstance(line.run, str)}


def _is_receipt(name: str) -> bool:
    return name.rpartition("/")[2] == RECEIPT
