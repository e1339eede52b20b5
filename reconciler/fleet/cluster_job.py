"""A job of the queue, as it is shown: what was in its row, if that is valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import FleetError, PlanFileError
from reconciler.fleet.cluster_task import ClusterTask, read_task
from reconciler.fleet.result import TenantResult, from_json

WAITING, RUNNING, SUCCEEDED, FAILED = "todo", "doing", "succeeded", "failed"
STALLED = "stalled"
_STATES = (WAITING, RUNNING, STALLED, SUCCEEDED, FAILED, "cancelled", "aborted")
OVER = (SUCCEEDED, FAILED, "cancelled", "aborted")
"""The states of a job that no worker has and none will take."""


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """`task`: None if the row is not one of `fleet submit`. `worker`: host and process that took it, not checked.

    `result`: None if there is none, or none of this task. `seconds`: since the last change of state.
    """

    number: int
    state: str
    task: ClusterTask | None
    worker: str = ""
    result: TenantResult | None = None
    seconds: float = 0.0


def read_job(row: Mapping[str, Any]) -> ClusterJob:
    """Return the job of a row: what is invalid in it counts as missing."""
    task = _read_task(row["args"])
    state = STALLED if row["status"] == RUNNING and row["stalled"] else str(row["status"])
    return ClusterJob(
        number=int(row["id"]),
        state=state if state in _STATES else "unknown",
        task=task,
        worker=str(row["worker"] or "")[:200],
        result=_read_result(row["result"], task),
        seconds=max(0.0, float(row["seconds"] or 0)),
    )


def _read_task(arguments: object) -> ClusterTask | None:
    try:
        return read_task(arguments) if isinstance(arguments, dict) else None
    except FleetError:
        return None


def _read_result(text: object, task: ClusterTask | None) -> TenantResult | None:
    """Return the result if it is one of this task: that of another tenant, verb, commit or run never counts."""
    if task is None or not isinstance(text, str):
        return None
    try:
        result = from_json(text.encode("utf-8", "replace"))
    except PlanFileError:
        return None
    same = (result.tenant, result.verb, result.commit, result.run) == (task.tenant, task.verb, task.commit, task.run)
    return result if same else None
