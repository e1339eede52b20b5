from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_jobs import render_job, render_jobs, render_summary
from reconciler.render.fleet_words import HIDDEN_VALUES

COMMIT = "0" * 40
TASK = ClusterTask("acme", "apply", COMMIT, "run-1")


def make_result(code: int = 0, error: str = "") -> TenantResult:
    counts = {"create": 2, "update": 0, "unchanged": 40}
    return TenantResult("acme", "apply", COMMIT, "run-1", code, counts=counts, error=error)


def test_jobs_and_what_to_do_about_a_stalled_one() -> None:
    jobs = [
        ClusterJob(12, "stalled", TASK, "host:77", None, 45.2),
        ClusterJob(9, "failed", TASK, "host:78", make_result(5, "the service refused"), 7300),
        ClusterJob(8, "todo", TASK, "", None, 200),
        ClusterJob(7, "doing", None, "", None, 300_000),
    ]
    assert render_jobs(jobs) == (
        "    12  stalled    acme  apply  host:77  45 s ago\n"
        "     9  failed     acme  apply  host:78  2 h ago  exit 5, 2 create, the service refused\n"
        "     8  waiting    acme  apply  3 min ago\n"
        "     7  running    (not a task of fleet submit)  3 days ago\n"
        "1 stalled, 1 failed, 1 waiting, 1 running\n"
        "\n"
        "1 job stalled: the worker has not been heard of. The tenant stays locked, and\n"
        "nothing runs again by itself. Make sure that the worker and its processes have ended, then queue it again:\n"
        "  reconciler fleet requeue 12\n"
    )


def test_a_tenant_that_is_held_is_said_to_be() -> None:
    held = replace(make_result(), counts={}, held=True)
    assert render_job(ClusterJob(3, "succeeded", TASK, "", held, 1)).endswith("1 s ago  exit 0, held")


def test_what_is_hidden_in_an_error_is_explained() -> None:
    hidden = ClusterJob(3, "failed", TASK, "", make_result(1, "userName (hidden) is used twice"), 1)
    assert render_jobs([hidden]).endswith(f"\n\n{HIDDEN_VALUES}\n")


def test_no_jobs() -> None:
    assert render_jobs([]) == "No jobs.\n"


@pytest.mark.parametrize("text", ["x\ny", "\x1b[2J", "\u202e", "##[error]x"])
def test_what_comes_from_a_row_stays_on_its_line(text: str) -> None:
    line = render_job(ClusterJob(1, "failed", TASK, text, make_result(1, text)))
    assert line.isprintable()
    assert "##[" not in line


def test_the_totals_of_a_run() -> None:
    results = [make_result(), make_result(2), make_result(3)]
    assert render_summary(results, 0) == "2 tenants done, 1 with exit code 3."
    assert render_summary(results[:1], 2) == "1 tenant done, 2 without a result."
