"""The commands for the queue of a fleet, whose workers run on several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import fleet_app
from reconciler.cli.fleet import FleetOptions, Results
from reconciler.cli.options import CommonOptions, DataFormat, Only, command

_Queue = Annotated[str, typer.Option("--queue", metavar="NAME", help="Which queue of the database.")]
_QUEUE = "fleet"
_Terminal = Annotated[CommonOptions, Only("no_color", "quiet", "verbose")]
_Plans = Annotated[
    Path | None, typer.Option("--plans", metavar="PATH", help="For applies: the plans that were reviewed.")
]


@command(fleet_app, "init-queue")
def init_queue(common: _Terminal) -> int:
    """Make the tables of the queue, once, in the database of RECONCILER_CLUSTER_DSN."""
    return lazy.run_init_queue(common.terminal())


@command(fleet_app)
def worker(
    chosen: Annotated[FleetOptions, Only("fleet")],
    queue: _Queue = _QUEUE,
    at_once: Annotated[
        int | None,
        typer.Option("--at-once", min=1, metavar="N", help="Tenants at a time; at most caps.tenants_at_once."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Keep plans, results and output per tenant.")
    ] = None,
    plans: _Plans = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Also run applies whose task names no reviewed plan.")
    ] = False,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when no tenant waits.")] = False,
    *,
    common: Annotated[CommonOptions, Only("sandbox", "no_color", "quiet", "verbose")],
) -> int:
    """Run tenants of the queue at the commit of this checkout, until it is stopped.

    SIGTERM or Ctrl-C: what runs is finished, and no more is taken. Twice: what runs ends as on Ctrl-C.
    """
    options = lazy.FleetWorkerOptions(
        chosen.fleet, queue, at_once, out, plans, auto_approve, until_empty, common.sandbox
    )
    return lazy.run_worker(options, common.terminal())


@command(fleet_app)
def submit(
    chosen: Annotated[FleetOptions, Only("fleet", "base", "wave", "slice")],
    verb: Annotated[str, typer.Option("--verb", metavar="plan|apply|drift", help="What is done.")] = "plan",
    queue: _Queue = _QUEUE,
    plans: _Plans = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="For apply: without plans that were reviewed.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the results; the exit code is that of the run.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="With --wait: save DIR/TENANT/result.json.")
    ] = None,
    time_limit: Annotated[
        int, typer.Option("--time-limit", min=1, max=10_000, metavar="MINUTES", help="How long to wait at most.")
    ] = 360,
    results: Results = None,
    *,
    common: _Terminal,
) -> int:
    """Queue tenants for the workers: all that are selected, or none.

    An apply of a wave is queued only if the gates after the earlier ones are open, by --results. Else the exit code
    is 3.
    """
    options = lazy.SubmitOptions(
        chosen.selection(), queue, verb, plans, auto_approve, wait, out, time_limit, tuple(results or ())
    )
    return lazy.run_submit(options, common.terminal())


@command(fleet_app)
def jobs(
    queue: _Queue = _QUEUE,
    all_jobs: Annotated[bool, typer.Option("--all", help="Also those that succeeded.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="The newest N at most.")
    ] = 1_000,
    format_: DataFormat = "text",
    *,
    common: _Terminal,
) -> int:
    """List what waits in the queue, runs, is stalled or failed. The exit code is 5 if a job is stalled."""
    return lazy.run_jobs(lazy.JobsOptions(queue, all_jobs, limit, format_), common.terminal())


@command(fleet_app)
def requeue(
    job: Annotated[int, typer.Argument(metavar="JOB", min=1, help="Its number, as `fleet jobs` lists it.")],
    queue: _Queue = _QUEUE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the worker of a stalled job has ended.")] = False,
    *,
    common: _Terminal,
) -> int:
    """Queue a job again that failed or is stalled: nothing is queued again by itself.

    No gate and no limit of failed tenants is judged again: an apply runs even if the gate before its wave is closed
    by now. `fleet submit` judges them.
    """
    return lazy.run_requeue(lazy.RequeueOptions(queue, job, yes), common.terminal())
