"""`fleet plan`: what would change for each tenant, by clients that cannot write."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.fleet.exit_codes import GOOD
from reconciler.render.fleet_run import has_changes
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
        results = run_tasks(tasks, selected, options.run, terminal)
        code = report_run(results, terminal)
        whole = verb == "plan" and options.run.selection.only is None
        if whole and options.run.out is not None and code in GOOD and any(map(has_changes, results)):
            terminal.note(f"To apply these plans: {_name_apply(options.run, options.run.out)}")
        return code


def _name_apply(options: FleetRunOptions, out: Path) -> str:
    """Return the command that applies the plans in `out`: with the options that selected the tenants."""
    chosen = options.selection
    names = ("fleet", "base", "wave", "shard", "slice")
    selected = {f"--{name}": getattr(chosen, name) for name in names}
    words = [word for name, value in selected.items() if value not in (None, Path()) for word in (name, str(value))]
    sandbox = ["--sandbox"] if options.sandbox else []
    return shlex.join(["reconciler", "fleet", "apply", *words, *sandbox, "--plans", str(out)])
