"""`fleet requeue`: queue a job again that failed or is stalled. Only a person decides that."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.cluster_job import STALLED, ClusterJob
from reconciler.render.fleet_jobs import render_job
from reconciler.session.approval import read_yes
from reconciler.session.fleet.cluster_extra import import_cluster
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class RequeueOptions:
    """`yes`: do not ask."""

    queue: str
    job: int
    yes: bool = False


def run_requeue(options: RequeueOptions, terminal: Terminal) -> ExitCode:
    """Show the job, ask, and queue its task under a new number."""
    cluster, queue = import_cluster("cluster"), import_cluster("cluster_queue")
    job: ClusterJob = cluster.find_job(options.queue, options.job)
    queue.check_requeue(job)
    terminal.result(render_job(job) + "\n")
    if job.task is not None and job.task.verb == "apply":
        terminal.note("No gate and no limit of failed tenants is judged again: `reconciler fleet submit` judges them.")
    if not options.yes and not _ask(job, terminal):
        terminal.note("Nothing was changed.")
        return ExitCode.ERROR
    number = cluster.requeue(options.queue, job)
    if number is None:
        terminal.result(
            f"Job {job.number} is closed. Another job of the tenant waited already: it runs in its place.\n"
        )
    else:
        terminal.result(f"Queued again as job {number}.\n")
    return ExitCode.OK


def _ask(job: ClusterJob, terminal: Terminal) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "Add --yes if its worker has ended.")
    if job.state == STALLED:
        terminal.result(
            "Has the worker ended, and have the processes that it started? If one of them still runs, two processes\n"
            "could write to the same tenant."
        )
    terminal.result("Only 'yes' will be accepted to queue it again.\n")
    return read_yes()
