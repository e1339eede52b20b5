"""`fleet worker`: run tenants of the queue at the commit of this checkout, until it is stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_jobs import describe_result
from reconciler.session.fleet.cluster_checkout import find_commit
from reconciler.session.fleet.cluster_extra import import_cluster
from reconciler.session.fleet.cluster_runner import EngineRunner, RunnerSettings
from reconciler.session.fleet.fleet_run import limit_at_once, open_out
from reconciler.session.fleet.tokens import check_fleet_tokens
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class FleetWorkerOptions:
    """`at_once`: not more than `caps.tenants_at_once`. `out`: receives the files of each tenant.

    `plans`: has the reviewed plans of applies; `auto_approve`: applies without one are run, too.
    """

    fleet: Path
    queue: str
    at_once: int | None = None
    out: Path | None = None
    plans: Path | None = None
    auto_approve: bool = False
    until_empty: bool = False
    sandbox: bool = False


def run_worker(options: FleetWorkerOptions, terminal: Terminal) -> ExitCode:
    """Take tenants and run them. SIGTERM: what runs is finished, no more is taken."""
    cluster, worker = import_cluster("cluster"), import_cluster("cluster_worker")
    fleet = read_fleet(options.fleet)
    if not options.sandbox:
        check_fleet_tokens(len(fleet.tenants))
    commit, at_once = find_commit(fleet.root), limit_at_once(options.at_once, fleet, terminal)
    cluster.check_queue(options.queue)
    with open_out(options.out, terminal) as out:
        runner = RunnerSettings(commit, out, at_once, options.plans, options.auto_approve, options.sandbox)
        terminal.note(f"Waiting for tenants of commit {commit[:12]}, {at_once} at once. Ctrl-C finishes what runs.")
        settings = worker.WorkerSettings(
            options.queue, commit, at_once, options.until_empty, options.sandbox, fleet.guards.failed
        )
        cluster.work(settings, partial(EngineRunner, fleet, runner, os.environ), _Notes(terminal))
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Notes:
    """Writes a line for each job."""

    terminal: Terminal

    def refused(self, job: int, why: str) -> None:
        self.terminal.note(f"Job {job} was refused, nothing was run: {escape_control(why)}")

    def ended(self, job: int, result: TenantResult) -> None:
        self.terminal.note(f"Job {job}: {result.tenant} {result.verb}, {describe_result(result)}")
