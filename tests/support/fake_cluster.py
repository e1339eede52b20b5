"""A stand-in for the queue's module, for commands alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any

import pytest

from reconciler.errors import FleetError
from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.session.fleet import cluster_extra


class FakeCluster:
    """Has `jobs`; remembers what was queued."""

    def __init__(self, *jobs: ClusterJob) -> None:
        self.jobs = {job.number: job for job in jobs}
        self.submitted: list[ClusterTask] = []
        self.requeued: list[int] = []
        self.is_new = True
        self.problem = ""
        self.other_waits = False
        self.ended: list[ClusterJob] = []
        self.left: list[ClusterJob] = []

    def init_queue(self) -> bool:
        return self.is_new

    def check_queue(self, queue: str) -> None:
        if self.problem:
            raise FleetError(self.problem)

    def submit(self, queue: str, tasks: Sequence[ClusterTask]) -> dict[int, ClusterTask]:
        self.submitted += tasks
        return dict(enumerate(tasks, 1))

    def list_jobs(self, queue: str, states: Collection[str] | None, limit: int) -> list[ClusterJob]:
        return [job for job in self.jobs.values() if states is None or job.state in {*states, "stalled"}][:limit]

    def find_job(self, queue: str, number: int) -> ClusterJob:
        if number not in self.jobs:
            raise FleetError(f"the queue has no job {number}")
        return self.jobs[number]

    def requeue(self, queue: str, job: ClusterJob) -> int | None:
        self.requeued.append(job.number)
        return None if self.other_waits else 99

    def watch(
        self, queue: str, numbers: Collection[int], ended: Callable[[ClusterJob], None], seconds: float
    ) -> list[ClusterJob]:
        for job in self.ended:
            ended(job)
        return self.left

    def install(self, patch: pytest.MonkeyPatch, *modules: Any) -> None:
        """Take the place of the queue's module for commands."""
        real = cluster_extra.import_cluster

        def find(name: str) -> ModuleType | FakeCluster:
            return self if name == "cluster" else real(name)

        for module in modules:
            patch.setattr(module, "import_cluster", find)
