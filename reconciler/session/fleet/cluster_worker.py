"""A worker of the queue: takes tenants one by one, and lets a process of their own run each of them.

Nothing is run twice by itself: what a worker that died had taken stays taken, and its tenant locked.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException, JobAborted

from reconciler.core.text import escape_control, pluralize, shorten
from reconciler.errors import ExitCode, FleetError
from reconciler.fleet.cluster_task import (
    TASK_NAME,
    ClusterTask,
    build_lock,
    build_lock_prefix,
    build_queue_name,
    count_submission,
    read_task,
)
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.fleet_guards import exceeds_limit
from reconciler.fleet.model import FleetLimit
from reconciler.fleet.result import TenantResult, to_json
from reconciler.scim.secret import Secret
from reconciler.session.fleet.cluster_database import explain_errors, open_database
from reconciler.session.fleet.cluster_queue import HEARTBEAT_SECONDS, STALLED_SECONDS
from reconciler.session.fleet.cluster_runner import WorkerUnusableError
from reconciler.session.workspace import current_time

_T = TypeVar("_T")
_KEPT_DAYS = 30
"""After this, finished jobs are deleted: the record of what was done are the receipts."""
_POLL_SECONDS = 5.0
_FORGET = """
DELETE FROM procrastinate_jobs AS job
 WHERE starts_with(job.lock, %(locks)s) AND job.status IN ('succeeded', 'failed', 'cancelled', 'aborted')
   AND (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id) < now() - make_interval(days => %(days)s)
"""
_STARTED = """
INSERT INTO reconciler_results (job, worker) VALUES (%(job)s, %(worker)s)
    ON CONFLICT (job) DO UPDATE SET worker = excluded.worker, result = NULL
"""
_ENDED = "UPDATE reconciler_results SET result = %(result)s WHERE job = %(job)s"
_IS_OPEN = "SELECT id FROM procrastinate_jobs WHERE id = %(job)s AND status = 'doing'"
_FAILED = """
SELECT count(*) AS failed FROM procrastinate_jobs
 WHERE status = 'failed' AND queue_name = %(queue)s AND args ->> 'submission' = %(submission)s
"""


class TenantRunner(Protocol):
    """What runs tenants. Its methods are called in threads."""

    def check(self, task: ClusterTask) -> str | None:
        """Return why the task cannot be run here, or None. Raises `WorkerUnusableError`."""

    def run(self, task: ClusterTask) -> TenantResult:
        """Run the task to its end. Raises `ReconcilerError`, `WorkerUnusableError`."""

    def keep(self, task: ClusterTask, result: TenantResult) -> TenantResult:
        """Keep the result of a task that was not run in place of an older one; its error says if that failed."""

    def stop(self) -> None:
        """Ask the tenants that are running to end as on SIGTERM."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`commit`: of the checkout; tasks of others wait for other workers. `at_once`: tenants at a time.

    `until_empty`: end when no job waits, in place of waiting for more.
    `failed`: the limit of failed tenants of a submission, beyond which no apply of it begins.
    """

    queue: str
    commit: str
    at_once: int
    until_empty: bool = False
    sandbox: bool = False
    failed: FleetLimit = field(default=FleetLimit())
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    stalled_seconds: float = STALLED_SECONDS


class WorkerReport(Protocol):
    """What a worker reports, in its event loop."""

    def refused(self, job: int, why: str) -> None:
        """Nothing was run for a job."""

    def ended(self, job: int, result: TenantResult) -> None:
        """A tenant has ended, well or not."""


def work(address: Secret, settings: WorkerSettings, runner: TenantRunner, report: WorkerReport) -> None:
    """Run tenants of the queue until a signal. Raises `FleetError` if the database is lost.

    The first SIGINT or SIGTERM: what runs is finished, and no more is taken. The second one is passed to what runs.
    """
    asyncio.run(_work(address, settings, runner, report))


async def _work(address: Secret, settings: WorkerSettings, runner: TenantRunner, report: WorkerReport) -> None:
    asyncio.get_running_loop().set_exception_handler(_ignore_unnoted)
    async with open_database(address, settings.at_once + 4, max(1.0, settings.heartbeat_seconds)) as app:
        with explain_errors():
            await app.connector.execute_query_async(_FORGET, locks=build_lock_prefix(settings.queue), days=_KEPT_DAYS)
        with ThreadPoolExecutor(settings.at_once, "tenant") as threads:
            jobs = _Jobs(app, settings, runner, report, threads)
            _register(app, jobs)
            worker = asyncio.ensure_future(_run_worker(app, settings))
            jobs.give_up = partial(_cancel_once, worker)
            stopping = _stop_on_signals(worker, runner)
            try:
                with explain_errors(), suppress(asyncio.CancelledError):
                    await worker
            except FleetError:
                if jobs.unusable is None:
                    raise
    if jobs.unusable is not None:
        raise jobs.unusable
    if not stopping.is_set() and not settings.until_empty:
        raise FleetError(
            "the worker lost the queue's database",
            "What was running has finished. Jobs whose end could not be recorded are stalled: reconciler fleet jobs",
        )


def _run_worker(app: App, settings: WorkerSettings) -> Awaitable[None]:
    return app.run_worker_async(
        queues=[build_queue_name(settings.queue, settings.commit)],
        concurrency=settings.at_once,
        wait=not settings.until_empty,
        fetch_job_polling_interval=_POLL_SECONDS,
        update_heartbeat_interval=settings.heartbeat_seconds,
        stalled_worker_timeout=settings.stalled_seconds,
        install_signal_handlers=False,
    )


def _ignore_unnoted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Let asyncio print no traceback for a job whose end could not be noted, which procrastinate leaves to it.

    The job was closed meanwhile, or the database is lost: the worker ends with an error of its own for both.
    """
    if not isinstance(context.get("exception"), ConnectorException):
        loop.default_exception_handler(context)


def _cancel_once(worker: asyncio.Task[None]) -> None:
    """Let the worker take no more jobs, and wait for what runs: a second cancellation would end that wait."""
    if not worker.cancelling():
        worker.cancel()


def _stop_on_signals(worker: asyncio.Task[None], runner: TenantRunner) -> asyncio.Event:
    """Cancel the worker on a signal, which then takes no more jobs and waits for what runs."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            runner.stop()
            return
        stopping.set()
        _cancel_once(worker)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopping


def _register(app: App, jobs: _Jobs) -> None:
    @app.task(name=TASK_NAME, pass_context=True)
    async def run_tenant(context: JobContext, /, **arguments: object) -> None:
        await jobs.run(context, arguments)


class _JobFailedError(FleetError):
    """Marks the job as failed. Its result says why. Exit code 1."""


@dataclass(slots=True)
class _Jobs:
    app: App
    settings: WorkerSettings
    runner: TenantRunner
    report: WorkerReport
    threads: ThreadPoolExecutor
    give_up: Callable[[], object] = bool
    unusable: WorkerUnusableError | None = None

    async def run(self, context: JobContext, arguments: dict[str, object]) -> None:
        """Run one job; raise if it failed, which procrastinate notes."""
        number = context.job.id or 0
        try:
            task = self._read(context, arguments)
        except FleetError as exc:
            self.report.refused(number, exc.summary)
            raise
        await self.app.connector.execute_query_async(_STARTED, job=number, worker=_WORKER)
        why = await self._find_limit(task)
        if why:
            await self._leave(number, task, why)
        watch = asyncio.create_task(self._watch(number))
        result = await self._run_task(task)
        watch.cancel()
        self.report.ended(number, result)
        await self.app.connector.execute_query_async(_ENDED, job=number, result=to_json(result))
        await self._check_open(number)
        if result.exit_code not in GOOD:
            raise _JobFailedError(f"exit code {result.exit_code}")

    async def _find_limit(self, task: ClusterTask) -> str:
        """Return how the tasks that were queued together with this apply exceed the limit of failed tenants, or ""."""
        if task.verb != "apply" or task.submission is None or self.settings.failed == FleetLimit():
            return ""
        queue = build_queue_name(self.settings.queue, task.commit)
        rows = await self.app.connector.execute_query_all_async(_FAILED, queue=queue, submission=task.submission)
        failed, total = rows[0]["failed"], count_submission(task.submission)
        over = exceeds_limit(self.settings.failed, failed, total)
        return f"not begun: {pluralize(failed, 'tenant')} of {total:,} failed, {over}" if over else ""

    async def _leave(self, number: int, task: ClusterTask, why: str) -> NoReturn:
        """End a job that nothing was done for. Only a person queues it again."""
        result = await self._fail(task, why, ExitCode.BLOCKED)
        self.report.ended(number, result)
        await self.app.connector.execute_query_async(_ENDED, job=number, result=to_json(result))
        raise JobAborted

    async def _watch(self, number: int) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_seconds)
            with suppress(FleetError):
                # A database that is lost for a moment says nothing about the job.
                await self._check_open(number)

    async def _check_open(self, number: int) -> None:
        """End the worker if a job was closed while it ran: it was reported as stalled and queued again.

        What runs is asked to end as on SIGTERM, all of it: the worker was not heard of for its other jobs either.
        """
        with explain_errors():
            rows = await self.app.connector.execute_query_all_async(_IS_OPEN, job=number)
        if not rows and self.unusable is None:
            self.unusable = WorkerUnusableError(
                f"job {number} was closed while it ran here: this worker was taken for dead",
                "Its tenants were asked to end. Read their receipts, and start the worker again.",
            )
            self.give_up()
            self.runner.stop()

    def _read(self, context: JobContext, arguments: dict[str, object]) -> ClusterTask:
        task = read_task(arguments)
        lock = build_lock(self.settings.queue, task.tenant)
        if (context.job.lock, context.job.queueing_lock) != (lock, lock):
            # Without it, two jobs of one tenant could run at a time.
            raise FleetError("the job does not hold the lock of its tenant", "It was not queued by fleet submit.")
        if task.commit != self.settings.commit:
            raise FleetError("the task is of another commit than the queue", "It was not queued by fleet submit.")
        return task

    async def _run_task(self, task: ClusterTask) -> TenantResult:
        try:
            why = await self._in_thread(partial(self.runner.check, task))
            if why is not None:
                return await self._fail(task, why)
            return await self._in_thread(partial(self.runner.run, task))
        except WorkerUnusableError as exc:
            # One job fails in place of all that wait.
            self.unusable = exc
            self.give_up()
            return await self._fail(task, exc.summary)
        except Exception as exc:  # noqa: BLE001 - one tenant's failure is not that of the worker
            return await self._fail(task, getattr(exc, "summary", "") or type(exc).__name__)

    async def _fail(self, task: ClusterTask, why: str, exit_code: ExitCode = ExitCode.ERROR) -> TenantResult:
        """Return and keep the result of a task that was not run, or did not end."""
        result = build_failed(task, why, exit_code, sandbox=self.settings.sandbox)
        return await self._in_thread(partial(self.runner.keep, task, result))

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        """Wait for a call in a thread, whatever happens: a job that is aborted must not unlock a tenant at work."""
        future = asyncio.get_running_loop().run_in_executor(self.threads, call)
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        return future.result()


def build_failed(task: ClusterTask, why: str, exit_code: ExitCode = ExitCode.ERROR, *, sandbox: bool) -> TenantResult:
    """Return the result of a task that was not run, or did not end. `sandbox`: of a worker with --sandbox."""
    error = escape_control(shorten(why, 200))[:300]
    began = int(current_time().timestamp())
    return TenantResult(
        task.tenant, task.verb, task.commit, task.run, exit_code, error=error, sandbox=sandbox, began=began
    )


_WORKER = f"{platform.node()[:100] or 'unknown'}:{os.getpid()}"
