"""`fleet plan`: what would change for each tenant, by clients that cannot write."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.errors import ExitCode
from reconciler.session.fleet.fleet_run import FleetRunOptions, build_tasks, open_out, report_run, run_tasks, select
from reconciler.session.fleet.task import clear_results
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class FleetPlanOptions:
    """The command line of `fleet plan`."""

    run: FleetRunOptions
    detailed_exitcode: bool = False


def run_fleet_plan(options: FleetPlanOptions, terminal: Terminal) -> ExitCode:
    """Plan each tenant; DIR/TENANT/plan.json is for `fleet apply --plans DIR`."""
    return plan_tenants("plan", options, terminal)


def plan_tenants(verb: str, options: FleetPlanOptions, terminal: Terminal) -> ExitCode:
    """Run a verb that cannot write for each tenant."""
    selected = select(options.run, terminal)
    with open_out(options.run.out, terminal) as out:
        tasks = build_tasks(verb, selected, options.run, out)
        tasks = [replace(task, detailed_exitcode=options.detailed_exitcode) for task in tasks]
        clear_results(tasks)
        return report_run(run_tasks(tasks, selected, options.run, terminal), terminal)
