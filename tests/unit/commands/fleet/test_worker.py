from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cluster import make_fleet, run_git
from support.fake_cluster import FakeCluster
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import worker
from reconciler.commands.fleet.worker import FleetWorkerOptions, run_worker
from reconciler.errors import FleetError, TargetError
from reconciler.fleet.result import TenantResult


class WorkingCluster(FakeCluster):
    """Remembers with which settings it worked, and reports two jobs."""

    settings: Any = None

    def work(self, settings: Any, runner: Callable[[], Any], report: Any) -> None:
        self.settings = settings
        report.refused(7, "the task has\nother fields")
        report.ended(8, TenantResult("acme", "plan", "0" * 40, "run-1", 0, counts={"create": 2}))


def test_a_worker_takes_tenants_of_its_commit_within_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cluster, terminal = make_fleet(tmp_path, "acme"), WorkingCluster(), RecordingTerminal()
    cluster.install(monkeypatch, worker)
    assert run_worker(FleetWorkerOptions(root, "fleet", at_once=99, sandbox=True), terminal) == 0
    commit = run_git(root, "rev-parse", "HEAD")
    assert (cluster.settings.queue, cluster.settings.commit, cluster.settings.at_once) == ("fleet", commit, 8)
    assert terminal.notes == [
        "--at-once 99 is more than caps.tenants_at_once of fleet.yaml: 8 at once.",
        f"Waiting for tenants of commit {commit[:12]}, 8 at once. Ctrl-C finishes what runs.",
        "Job 7 was refused, nothing was run: the task has\\nother fields",
        "Job 8: acme plan, exit 0, 2 create",
    ]


def test_one_token_for_two_tenants_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cluster = make_fleet(tmp_path, "acme", "beta"), WorkingCluster()
    cluster.install(monkeypatch, worker)
    monkeypatch.setenv("RECONCILER_TOKEN", "canary")
    with pytest.raises(TargetError):
        run_worker(FleetWorkerOptions(root, "fleet"), RecordingTerminal())
    assert cluster.settings is None


def test_a_worker_does_not_wait_for_a_queue_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cluster, terminal = make_fleet(tmp_path, "acme"), WorkingCluster(), RecordingTerminal()
    cluster.problem = "no database is set for the queue"
    cluster.install(monkeypatch, worker)
    with pytest.raises(FleetError, match="no database is set"):
        run_worker(FleetWorkerOptions(root, "fleet", sandbox=True), terminal)
    assert (cluster.settings, terminal.notes) == (None, [])
