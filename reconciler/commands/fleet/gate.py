"""`fleet gate`: whether the next wave may begin, by results of this run and commit only, and by the fleet's guards."""

from __future__ import annotations

from datetime import UTC, date, datetime

from reconciler.commands.fleet.matrix import check_verb
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.affected import Affected
from reconciler.fleet.fleet_guards import FleetVerdict, find_lifted, find_proving_wave, judge_blast_radius, judge_fleet
from reconciler.fleet.fleet_plan import identify_plans, read_fleet_plan
from reconciler.fleet.gathered import Gathered
from reconciler.render.fleet_gathered import render_gate, render_gathered
from reconciler.session.fleet.before_apply import find_changed
from reconciler.session.fleet.gathering import Gathering, GatherOptions, add_unplanned, gather_other, load_gathering
from reconciler.session.fleet.reviewed_plans import find_fleet_plan
from reconciler.session.fleet.tokens import refuse_shared_tokens
from reconciler.session.terminal import Terminal


def run_gate(options: GatherOptions, terminal: Terminal, today: date | None = None) -> ExitCode:
    """Judge the results; the exit code is 3 if a guard is exceeded. A missing result is a failure.

    Raises `UsageError` for results of the sandbox, and `SharedTokenError`.
    """
    check_verb(options.verb)
    if options.verb == "drift":
        raise UsageError("a gate follows a plan or an apply", "Name --verb plan or --verb apply.")
    gathering = load_gathering(options, terminal)
    _check_target(gathering.gathered)
    refuse_shared_tokens(gathering.gathered.results.values())
    gathering = add_unplanned(gathering, options.selection)
    fleet, affected = gathering.selected.fleet, gathering.selected.affected
    if options.verb == "apply":
        affected = find_changed(gathering.selected, options.selection)
    verdicts = list(judge_fleet(fleet, gathering.gathered, affected, options.selection.wave))
    radius = _judge_blast_radius(options, gathering, affected)
    if radius is not None:
        verdicts.append(radius)
    approved = find_lifted(fleet, _find_plan_id(options, gathering), today or datetime.now(UTC).date())
    lifted = [each for each in verdicts if each.guard in approved]
    left = [each for each in verdicts if each not in lifted]
    wave = options.selection.wave
    terminal.result(render_gathered(gathering.gathered, f"Wave {wave}" if wave else "Fleet"))
    terminal.result("\n" + render_gate(f"after {wave}" if wave else f"after {options.verb}", left, lifted))
    return ExitCode.BLOCKED if left else ExitCode.OK


def _check_target(gathered: Gathered) -> None:
    if gathered.sandbox:
        raise UsageError(
            "these results are of the sandbox: they open no gate", "Name directories of a run without --sandbox."
        )


def _judge_blast_radius(options: GatherOptions, gathering: Gathering, affected: Affected | None) -> FleetVerdict | None:
    """After the first wave with tenants that change, each of them has to be free of drift."""
    fleet, wave = gathering.selected.fleet, options.selection.wave
    if options.verb != "apply" or wave is None or affected is None or wave != find_proving_wave(fleet, affected):
        return judge_blast_radius(fleet, affected, None, None)
    drift = gather_other(gathering, options.directories, "drift")
    _check_target(drift)
    return judge_blast_radius(fleet, affected, gathering.selected.names, drift)


def _find_plan_id(options: GatherOptions, gathering: Gathering) -> str | None:
    """Return the fleet plan that was made, or of which each plan was applied that has a result; None: of no one."""
    results = gathering.gathered.results
    if options.verb == "plan":
        return identify_plans(gathering.gathered)
    if options.selection.plans is None:
        return None
    reviewed = read_fleet_plan(find_fleet_plan(options.selection.plans))
    same = all(each.plan_id in (None, reviewed.tenants.get(name)) for name, each in results.items())
    return reviewed.plan_id if same else None
