"""Run the tasks of a queue by the engine of the fleet: one fork server for the life of the worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.core.text import quote
from reconciler.errors import FleetError, ReconcilerError
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.fleet.model import Fleet
from reconciler.fleet.result import TenantResult
from reconciler.git.repository import find_head_commit
from reconciler.record.layout import PLAN
from reconciler.session.fleet.cluster_checkout import describe_changed_files, find_changed_files
from reconciler.session.fleet.processes import PROGRAM, run_tenants
from reconciler.session.fleet.stopping import StopSwitch
from reconciler.session.fleet.task import TenantTask, keep_result
from reconciler.session.fleet.task_feed import TaskFeed
from reconciler.session.workspace import current_time


class WorkerUnusableError(FleetError):
    """A worker can run no tenant at all: it takes no more, and those that wait stay in the queue. Exit code 1."""


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """`out`: receives the files of each tenant. `plans`: has the reviewed plans, `TENANT/plan.json`.

    `auto_approve`: also run applies whose task names no reviewed plan.
    """

    commit: str
    out: Path
    at_once: int
    plans: Path | None = None
    auto_approve: bool = False
    sandbox: bool = False


class EngineRunner:
    """Runs one task for each call of `run`, in a process of its own; several threads may call it."""

    def __init__(
        self,
        fleet: Fleet,
        settings: RunnerSettings,
        environment: Mapping[str, str] = os.environ,
        program: str = PROGRAM,
    ) -> None:
        self._fleet = fleet
        self._folders = {tenant.name: tenant.folder for tenant in fleet.tenants}
        self._settings = settings
        self._environment, self._program = environment, program
        self._feed, self._stop = TaskFeed(), StopSwitch()
        self._waiting: dict[str, Future[TenantResult]] = {}
        self._lock = threading.Lock()
        self._broken: ReconcilerError | None = None
        self._thread = threading.Thread(target=self._serve, name="engine")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed.finish()
        self._thread.join()
        self._feed.close()
        self._stop.close()

    def check(self, task: ClusterTask) -> str | None:
        """Return why the task cannot be run here, or None. Raises `WorkerUnusableError` if the checkout has moved."""
        if find_head_commit(self._fleet.root) != self._settings.commit:
            raise WorkerUnusableError(
                "the checkout has moved since the worker started", "Start it again: then it takes tasks of that commit."
            )
        folder = self._folders.get(task.tenant)
        if folder is None:
            return "the fleet has no such tenant at this commit"
        changed = describe_changed_files(find_changed_files(self._fleet.root, [folder]))
        return changed or self._check_review(task)

    def _check_review(self, task: ClusterTask) -> str | None:
        if task.verb != "apply":
            return None
        if task.plan_id is None:
            return None if self._settings.auto_approve else "no plan was reviewed, and the worker has no --auto-approve"
        if self._settings.plans is None:
            return "the worker has no reviewed plans: start it with --plans DIR"
        # Apply itself compares the saved plan with the ID that was reviewed.
        return None if self._plan_of(task.tenant).is_file() else f"--plans has no plan of {quote(task.tenant)}"

    def _plan_of(self, tenant: str) -> Path:
        return (self._settings.plans or Path()) / tenant / PLAN

    def run(self, task: ClusterTask) -> TenantResult:
        """Run the task to its end. Raises `WorkerUnusableError` if no process can be started."""
        future: Future[TenantResult] = Future()
        with self._lock:
            if self._broken is not None:
                raise WorkerUnusableError(self._broken.summary, self._broken.detail)
            if task.tenant in self._waiting:
                raise FleetError("the tenant runs already in this worker")
            self._waiting[task.tenant] = future
        self._feed.add(self._build_task(task))
        return future.result()

    def keep(self, task: ClusterTask, result: TenantResult) -> TenantResult:
        """Write the result of a task that was not run: an older one of the tenant must not count for it."""
        return keep_result(self._build_task(task), result) if task.tenant in self._folders else result

    def stop(self) -> None:
        """Ask the tenants that are running to end as on SIGTERM."""
        self._stop.request()

    def _build_task(self, task: ClusterTask) -> TenantTask:
        reviewed = task.verb == "apply" and task.plan_id is not None
        return TenantTask(
            tenant=task.tenant,
            verb=task.verb,
            state=str((self._fleet.root / self._folders[task.tenant]).resolve()),
            out=str((self._settings.out / task.tenant).resolve()),
            commit=task.commit,
            run=task.run,
            began=int(current_time().timestamp()),
            sandbox=self._settings.sandbox,
            reviewed=str(self._plan_of(task.tenant).resolve()) if reviewed else None,
            plan_id=task.plan_id if reviewed else None,
            requests_per_second=self._fleet.caps.requests_per_second,
        )

    def _serve(self) -> None:
        """Pass tasks to the engine, and its results to who waits for them."""
        try:
            for result in run_tenants(
                [], self._settings.at_once, self._stop, self._environment, self._program, feed=self._feed
            ):
                with self._lock:
                    future = self._waiting.pop(result.tenant)
                future.set_result(result)
        except Exception as exc:  # noqa: BLE001 - who waits for a result must learn of it
            broken = exc if isinstance(exc, ReconcilerError) else FleetError(f"the engine failed: {type(exc).__name__}")
            with self._lock:
                self._broken = broken
                left = list(self._waiting.values())
                self._waiting.clear()
            for future in left:
                future.set_exception(WorkerUnusableError(broken.summary, broken.detail))
