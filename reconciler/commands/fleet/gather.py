"""`fleet gather`: the results of all shards as one document, with one id for the plans of all tenants."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reconciler.commands.fleet.matrix import check_verb
from reconciler.errors import ExitCode
from reconciler.fleet.affected import find_affected
from reconciler.fleet.applied import APPLIED, write_applied
from reconciler.fleet.drift_record import DriftCheck, read_drift, write_drift
from reconciler.fleet.fleet_guards import DIFFERENCES
from reconciler.fleet.fleet_plan import compute_fleet_plan_id, format_fleet_plan, list_plans
from reconciler.fleet.gathered import GOOD
from reconciler.record.files import write_private
from reconciler.render.fleet_gathered import render_gathered
from reconciler.session.fleet.gathering import Gathering, GatherOptions, load_gathering
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time


def run_gather(options: GatherOptions, out: Path | None, terminal: Terminal) -> ExitCode:
    """Write the document, and the totals to stdout. `out`: default `fleet-plan.json` in the directory.

    After an apply, the record says how far it came: the base of the next one. The exit code is the worst of all
    tenants'; a missing result counts as 1.
    """
    check_verb(options.verb)
    gathering = load_gathering(options, terminal)
    text = format_fleet_plan(gathering.gathered, gathering.wanted, gathering.selected.affected)
    file = out or _choose_file(options)
    write_private(file, text)
    if options.verb == "apply":
        _record_apply(gathering)
    if options.verb == "drift":
        _record_drift(gathering, current_time())
    title = {"plan": "Plan of the fleet", "apply": "Apply to the fleet", "drift": "Drift of the fleet"}[options.verb]
    if options.verb == "plan":
        title += f" {compute_fleet_plan_id(list_plans(gathering.gathered))}"
    terminal.result(render_gathered(gathering.gathered, title))
    terminal.note(f"Saved: {file}")
    return gathering.gathered.exit_code


def _choose_file(options: GatherOptions) -> Path:
    folder = options.directories[0] if len(options.directories) == 1 else Path()
    return folder / f"fleet-{options.verb}.json"


def _record_apply(gathering: Gathering) -> None:
    """Record the commit and the tenants that are open: of all that changed since the record, not only of this run."""
    fleet, results = gathering.selected.fleet, gathering.gathered.results
    pending = find_affected(fleet, APPLIED).reasons.keys()
    done = {name for name, each in results.items() if each.exit_code in GOOD}
    write_applied(fleet.root, gathering.wanted.commit, (set(pending) | gathering.gathered.failed.keys()) - done)


def _record_drift(gathering: Gathering, now: datetime) -> None:
    """Record when drift was looked for, for the tenants where that went well; what is known of others stays."""
    fleet, results = gathering.selected.fleet, gathering.gathered.results
    names = {tenant.name for tenant in fleet.tenants}
    known = {name: check for name, check in read_drift(fleet.root).items() if name in names}
    found = {
        name: DriftCheck(now, sum(each.counts.get(count, 0) for count in DIFFERENCES))
        for name, each in results.items()
        if each.exit_code in GOOD
    }
    write_drift(fleet.root, {**known, **found})
