"""`fleet jobs`: what waits in the queue, runs, is stalled or failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.core.text import to_ascii_json
from reconciler.errors import ExitCode
from reconciler.fleet.cluster_job import STALLED, ClusterJob
from reconciler.render.fleet_jobs import render_jobs
from reconciler.session.fleet.cluster_extra import import_cluster
from reconciler.session.terminal import Terminal

_OPEN = ("todo", "doing", "failed", "aborted", "cancelled")


@dataclass(frozen=True, slots=True)
class JobsOptions:
    """`all_jobs`: also those that succeeded. `limit`: how many at most, the newest."""

    queue: str
    all_jobs: bool = False
    limit: int = 1_000
    format_: str = "text"


def run_jobs(options: JobsOptions, terminal: Terminal) -> ExitCode:
    """List jobs, the newest first. The exit code is 5 if one is stalled."""
    states = None if options.all_jobs else _OPEN
    jobs: Sequence[ClusterJob] = import_cluster("cluster").list_jobs(options.queue, states, options.limit)
    if options.format_ == "json":
        terminal.result(to_ascii_json({"jobs": [_to_document(job) for job in jobs]}))
    else:
        terminal.result(render_jobs(jobs))
    return ExitCode.PARTIAL if any(job.state == STALLED for job in jobs) else ExitCode.OK


def _to_document(job: ClusterJob) -> dict[str, Any]:
    """Return a job as data, without the check of its token: `TenantResult` says that it is never shown."""
    found = asdict(job)
    if job.result is not None:
        del found["result"]["token_check"]
    return found
