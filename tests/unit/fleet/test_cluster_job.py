from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.fleet.cluster_job import ClusterJob, read_job
from reconciler.fleet.cluster_task import ClusterTask, to_arguments
from reconciler.fleet.result import TenantResult, to_json

TASK = ClusterTask("acme", "plan", "0" * 40, "run-1")
RESULT = TenantResult("acme", "plan", "0" * 40, "run-1", 0)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "status": "doing",
        "args": to_arguments(TASK),
        "worker": "host:1",
        "result": None,
        "stalled": False,
        "seconds": 2.5,
        **changes,
    }


def test_a_row_is_read() -> None:
    assert read_job(row()) == ClusterJob(7, "doing", TASK, "host:1", None, 2.5)
    assert read_job(row(status="succeeded", result=to_json(RESULT))).result == RESULT


def test_only_a_job_that_runs_can_be_stalled() -> None:
    assert read_job(row(stalled=True)).state == "stalled"
    for state in ("todo", "succeeded", "failed", "cancelled", "aborted"):
        assert read_job(row(status=state, stalled=True)).state == state
    assert read_job(row(status="aborting")).state == "unknown"


@pytest.mark.parametrize(
    "result",
    [
        replace(RESULT, tenant="beta"),
        replace(RESULT, verb="apply"),
        replace(RESULT, commit="1" * 40),
        replace(RESULT, run="run-2"),
    ],
)
def test_a_result_of_something_else_counts_as_missing(result: TenantResult) -> None:
    assert read_job(row(result=to_json(result))).result is None


@pytest.mark.parametrize("text", ["", "{}", "null", to_json(RESULT)[:-3], to_json(RESULT) + " " * 5000, "\udcff"])
def test_a_damaged_result_counts_as_missing(text: str) -> None:
    assert read_job(row(result=text)).result is None


@pytest.mark.parametrize("arguments", [None, [], "x", {}, {"tenant": "../x"}])
def test_a_row_that_is_no_task_is_a_job_without_one(arguments: Any) -> None:
    assert read_job(row(args=arguments, result=to_json(RESULT))) == ClusterJob(7, "doing", None, "host:1", None, 2.5)


@given(st.none() | st.text(), st.none() | st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_no_row_raises(worker: str | None, result: str | None, seconds: float | None) -> None:
    job = read_job(row(worker=worker, result=result, seconds=seconds))
    assert len(job.worker) <= 200
    assert job.seconds >= 0
