"""The queue of a fleet: add tenants, list jobs, queue one again. No scheduler of our own: procrastinate's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, cast

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from reconciler.core.text import format_names, pluralize
from reconciler.errors import FleetError
from reconciler.fleet.cluster_job import FAILED, OVER, RUNNING, STALLED, WAITING, ClusterJob, read_job
from reconciler.fleet.cluster_task import (
    TASK_NAME,
    ClusterTask,
    build_lock,
    build_lock_prefix,
    build_queue_name,
    check_queue,
    to_arguments,
)
from reconciler.session.fleet.cluster_database import explain_errors

MAX_JOBS = 100_000
"""The jobs that are listed at most, the newest."""
HEARTBEAT_SECONDS = 10.0
STALLED_SECONDS = 30.0
"""A worker without a heartbeat for so long counts as dead, by the clock of the database."""
_LIST = """
SELECT job.id, job.status::text AS status, job.args, result.worker, result.result,
       job.worker_id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(stalled)s) AS stalled,
       extract(epoch FROM now() - (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id))::float8 AS seconds
  FROM procrastinate_jobs AS job
  LEFT JOIN reconciler_results AS result ON result.job = job.id
  LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
 WHERE starts_with(job.lock, %(locks)s) AND job.queue_name LIKE 'reconciler-%%' AND job.task_name = %(task)s
   AND (%(numbers)s::bigint[] IS NULL OR job.id = ANY(%(numbers)s::bigint[]))
   AND (%(states)s::text[] IS NULL OR job.status::text = ANY(%(states)s::text[]))
 ORDER BY job.id DESC LIMIT %(limit)s
"""

_LOCK = """
SELECT status::text AS status, status = 'doing' AND (worker_id IS NULL OR EXISTS (
         SELECT FROM procrastinate_workers AS worker
          WHERE worker.id = job.worker_id AND worker.last_heartbeat < now() - make_interval(secs => %(stalled)s)
       )) AS stalled
  FROM procrastinate_jobs AS job WHERE id = %(number)s FOR UPDATE OF job
"""
_CLOSE = """
UPDATE procrastinate_jobs SET status = 'failed', abort_requested = false, attempts = attempts + 1
 WHERE id = %(number)s RETURNING id
"""
_LATER = """
SELECT later.id FROM procrastinate_jobs AS later
  JOIN procrastinate_jobs AS job ON job.lock = later.lock AND job.args - 'submission' = later.args - 'submission'
   AND job.id < later.id
 WHERE job.id = %(number)s AND later.status::text NOT IN ('cancelled', 'aborted') ORDER BY later.id DESC LIMIT 1
"""
"""A later job of the same task: tenant, verb, commit, run and plan."""


class ClusterQueue:
    """The jobs of one queue. All methods raise `FleetError` if the database fails."""

    def __init__(self, app: App, queue: str, stalled_seconds: float = STALLED_SECONDS) -> None:
        self._app = app
        self._queue = check_queue(queue)
        self._stalled = stalled_seconds

    async def submit(self, tasks: Sequence[ClusterTask]) -> dict[int, ClusterTask]:
        """Queue all tasks, or none of them; return their numbers. Raises `FleetError` if a tenant waits already."""
        await self._check_waiting({task.tenant for task in tasks})
        with explain_errors(), suppress(AlreadyEnqueued):
            jobs = await self._app.job_manager.batch_defer_jobs_async([self._build_job(task) for task in tasks])
            return {job.id: task for job, task in zip(jobs, tasks, strict=True) if job.id is not None}
        # Another command was faster by a moment, or a row that is no job of ours holds the lock.
        await self._check_waiting({task.tenant for task in tasks})
        raise FleetError(
            "a tenant was queued at the same time, or not by fleet submit", "Nothing was queued. Try again once."
        )

    async def list_jobs(
        self, numbers: Collection[int] | None = None, states: Collection[str] | None = None, limit: int = MAX_JOBS
    ) -> list[ClusterJob]:
        """Return jobs, the newest first. `numbers`: these only; `states`: as in the database."""
        with explain_errors():
            rows = await self._app.connector.execute_query_all_async(
                _LIST,
                locks=build_lock_prefix(self._queue),
                task=TASK_NAME,
                numbers=None if numbers is None else list(numbers),
                states=None if states is None else list(states),
                stalled=self._stalled,
                limit=limit,
            )
        return [read_job(row) for row in rows]

    async def find(self, number: int) -> ClusterJob:
        """Return one job. Raises `FleetError` if the queue has none of this number."""
        found = await self.list_jobs([number])
        if not found:
            raise FleetError(f"the queue has no job {number}", "reconciler fleet jobs lists them.")
        return found[0]

    async def requeue(self, job: ClusterJob) -> int | None:
        """Close a stalled job as failed, and queue its task again; return the number of the new job.

        None if another job of the tenant waits already: it can run now. A job that is over is queued again as it is.
        """
        again = replace(check_requeue(job), submission=None)
        with explain_errors():
            connector = cast(PsycopgConnector, self._app.connector)
            async with connector.pool.connection() as connection, connection.transaction():
                await self._claim(job, connection)
                with suppress(AlreadyEnqueued):
                    async with connection.transaction():  # the claim stays if another job waits
                        queued = await self._app.job_manager.defer_job_async(self._build_job(again), connection)
                        return queued.id
        return None

    async def _claim(self, job: ClusterJob, connection: Any) -> None:
        """Lock the row of a job until the transaction ends, and close it if it is stalled.

        Raises `FleetError` if it is not as it was shown: the answer to a question can take long, and two people can
        ask for the same. The old job keeps its number and never runs again: a worker that was thought dead cannot
        end the new one.
        """
        query = partial(self._app.connector.execute_query_all_async_with_connection, connection, number=job.number)
        found = await query(_LOCK, stalled=self._stalled)
        state = (STALLED if found[0]["stalled"] else found[0]["status"]) if found else None
        if state != job.state:
            raise FleetError("the job has changed meanwhile", "Look at it again: reconciler fleet jobs")
        if state == STALLED:
            await query(_CLOSE)
            return
        later = await query(_LATER)
        if later:
            number = later[0]["id"]
            detail = f"Nothing was changed. If job {number} has failed: reconciler fleet requeue {number}"
            raise FleetError(f"job {job.number} was queued again already: as job {number}", detail)

    def _build_job(self, task: ClusterTask) -> Job:
        lock = build_lock(self._queue, task.tenant)
        return Job(
            queue=build_queue_name(self._queue, task.commit),
            lock=lock,
            queueing_lock=lock,
            task_name=TASK_NAME,
            task_kwargs=to_arguments(task),
        )

    async def _check_waiting(self, tenants: Collection[str]) -> None:
        jobs = await self.list_jobs(states=[WAITING])
        waiting = sorted(job.task.tenant for job in jobs if job.task is not None and job.task.tenant in tenants)
        if waiting:
            raise FleetError(
                f"{pluralize(len(waiting), 'tenant')} waiting in the queue already: {format_names(waiting)}",
                "Nothing was queued. Let a worker run them first (reconciler fleet jobs).",
            )


def check_requeue(job: ClusterJob) -> ClusterTask:
    """Return the task of a job that can be queued again. Raises `FleetError` for any other job."""
    if job.task is None:
        raise FleetError(f"job {job.number} was not queued by fleet submit", "It cannot be queued again.")
    if job.state in (FAILED, STALLED) or (job.state in OVER and job.state != "succeeded"):
        return job.task
    if job.state == RUNNING:
        raise FleetError(f"job {job.number} runs: its worker is alive", "Wait for it, or stop that worker first.")
    if job.state == WAITING:
        raise FleetError(f"job {job.number} is queued: it waits for a worker", "Start one: reconciler fleet worker")
    state = "it has succeeded" if job.state == "succeeded" else f"its state is {job.state}"
    raise FleetError(f"job {job.number} cannot be queued again: {state}", "Use reconciler fleet submit.")
