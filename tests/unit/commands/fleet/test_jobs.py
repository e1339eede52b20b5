from __future__ import annotations

import json

import pytest
from support.cluster import make_task
from support.fake_cluster import FakeCluster
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import jobs
from reconciler.commands.fleet.jobs import JobsOptions, run_jobs
from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.result import TenantResult


def run(monkeypatch: pytest.MonkeyPatch, *found: ClusterJob, **options: object) -> tuple[int, str]:
    FakeCluster(*found).install(monkeypatch, jobs)
    terminal = RecordingTerminal()
    code = run_jobs(JobsOptions("fleet", **options), terminal)  # type: ignore[arg-type]
    return code, terminal.out


def test_jobs_that_succeeded_are_left_out_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ClusterJob(1, "succeeded", make_task("acme")), ClusterJob(2, "todo", make_task("beta"))
    assert run(monkeypatch, *found) == (0, "     2  waiting    beta  plan  0 s ago\n1 waiting\n")
    assert run(monkeypatch, *found, all_jobs=True)[1].count("\n") == 3


def test_a_stalled_job_has_an_exit_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out = run(monkeypatch, ClusterJob(1, "stalled", make_task("acme")))
    assert code == 5
    assert "reconciler fleet requeue 1\n" in out


def test_json_has_all_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    _, out = run(monkeypatch, ClusterJob(1, "todo", make_task("acme")), format_="json")
    (job,) = json.loads(out)["jobs"]
    assert job.keys() == {"number", "state", "task", "worker", "result", "seconds"}
    assert job["task"]["tenant"] == "acme"


def test_the_check_of_a_token_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    result = TenantResult("acme", "plan", "a" * 40, "local", 0, token_check="0123456789ab")
    _, out = run(
        monkeypatch, ClusterJob(1, "succeeded", make_task("acme"), result=result), all_jobs=True, format_="json"
    )
    (job,) = json.loads(out)["jobs"]
    assert job["result"]["exit_code"] == 0
    assert "token_check" not in job["result"]
