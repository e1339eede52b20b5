"""The queue of a fleet as the commands use it: each call connects, does one thing, and closes the connection.

Imports the libraries of an extra: commands get this module by `import_cluster`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from reconciler.fleet.cluster_job import OVER, STALLED, ClusterJob
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.scim.secret import Secret
from reconciler.session.fleet import cluster_database, cluster_worker
from reconciler.session.fleet.cluster_address import read_address, take_address
from reconciler.session.fleet.cluster_queue import MAX_JOBS, ClusterQueue
from reconciler.session.fleet.cluster_runner import EngineRunner

_T = TypeVar("_T")
_POLL_SECONDS, _LONGEST_POLL = 0.5, 5.0


def init_queue() -> bool:
    """Make the tables; return whether the queue is new."""
    return asyncio.run(cluster_database.create_tables(read_address(os.environ)))


def submit(queue: str, tasks: Sequence[ClusterTask]) -> dict[int, ClusterTask]:
    """Queue all tasks or none; return their numbers."""
    return _use(queue, lambda found: found.submit(tasks))


def check_queue(queue: str) -> None:
    """Raise `FleetError` if no database is set, it does not answer, or has no tables of the queue."""
    _use(queue, lambda found: found.list_jobs(numbers=()))


def list_jobs(queue: str, states: Collection[str] | None, limit: int = MAX_JOBS) -> list[ClusterJob]:
    """Return the newest jobs. `states`: of procrastinate."""
    return _use(queue, lambda found: found.list_jobs(states=states, limit=limit))


def find_job(queue: str, number: int) -> ClusterJob:
    """Return one job."""
    return _use(queue, lambda found: found.find(number))


def requeue(queue: str, job: ClusterJob) -> int | None:
    """Queue the task of a job again; None if another job of its tenant waits already."""
    return _use(queue, lambda found: found.requeue(job))


def watch(
    queue: str, numbers: Collection[int], ended: Callable[[ClusterJob], None], seconds: float
) -> list[ClusterJob]:
    """Wait for jobs, and pass on each that is over; return those that are not after `seconds`, or all stalled."""
    return _use(queue, lambda found: _watch(found, set(numbers), ended, seconds))


def work(
    settings: cluster_worker.WorkerSettings, runner: Callable[[], EngineRunner], report: cluster_worker.WorkerReport
) -> None:
    """Run tenants until a signal. The password has left the environment before the processes of tenants inherit it."""
    address = take_address(os.environ)
    with runner() as engine:
        cluster_worker.work(address, settings, engine, report)


async def _watch(
    queue: ClusterQueue, left: set[int], ended: Callable[[ClusterJob], None], seconds: float
) -> list[ClusterJob]:
    loop, pause = asyncio.get_running_loop(), _POLL_SECONDS
    end = loop.time() + seconds
    while True:
        jobs = await queue.list_jobs(left)
        for job in jobs:
            if job.state in OVER:
                left.discard(job.number)
                ended(job)
        # A job that is gone from the database is not waited for.
        open_jobs = [job for job in jobs if job.number in left]
        left = {job.number for job in open_jobs}
        if all(job.state == STALLED for job in open_jobs) or loop.time() >= end:
            return open_jobs
        await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
        pause = min(pause * 1.5, _LONGEST_POLL)


def _use(queue: str, action: Callable[[ClusterQueue], Awaitable[_T]]) -> _T:
    return asyncio.run(_run(read_address(os.environ), queue, action))


async def _run(address: Secret, queue: str, action: Callable[[ClusterQueue], Awaitable[_T]]) -> _T:
    async with cluster_database.open_database(address) as app:
        return await action(ClusterQueue(app, queue))
