"""`fleet gate`: whether the next wave may begin, by results of this run and commit only, and by the fleet's guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from reconciler.commands.fleet.matrix import check_verb
from reconciler.core.policy import MAX_APPROVAL_PERIOD
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.affected import find_affected
from reconciler.fleet.applied import APPLIED
from reconciler.fleet.fleet_guards import LIFTABLE, FleetVerdict, judge_blast_radius, judge_fleet
from reconciler.fleet.fleet_plan import compute_fleet_plan_id, list_plans, read_fleet_plan
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.wave_members import assign_waves
from reconciler.render.fleet_gathered import render_gate, render_gathered
from reconciler.session.fleet.gathering import Gathering, GatherOptions, add_unplanned, gather_other, load_gathering
from reconciler.session.fleet.reviewed_plans import find_fleet_plan
from reconciler.session.terminal import Terminal


def run_gate(options: GatherOptions, terminal: Terminal, today: date | None = None) -> ExitCode:
    """Judge the results; the exit code is 3 if a guard is exceeded. A missing result is a failure.

    Raises `UsageError` for results of the sandbox.
    """
    check_verb(options.verb)
    if options.verb == "drift":
        raise UsageError("a gate follows a plan or an apply", "Name --verb plan or --verb apply.")
    gathering = _add_affected(load_gathering(options, terminal), options)
    _check_target(gathering.gathered)
    gathering = add_unplanned(gathering, options.selection)
    selected = gathering.selected
    proves = options.selection.wave is not None
    verdicts = list(judge_fleet(selected.fleet, gathering.gathered, selected.affected, proves=proves))
    radius = _judge_blast_radius(options, gathering)
    if radius is not None:
        verdicts.append(radius)
    lifted = _find_lifted(options, gathering, verdicts, today or datetime.now(UTC).date())
    left = [each for each in verdicts if each not in lifted]
    wave = options.selection.wave
    terminal.result(render_gathered(gathering.gathered, f"Wave {wave}" if wave else "Fleet"))
    terminal.result("\n" + render_gate(f"after {wave}" if wave else f"after {options.verb}", left, lifted))
    return ExitCode.BLOCKED if left else ExitCode.OK


def _add_affected(gathering: Gathering, options: GatherOptions) -> Gathering:
    """Return the results with what an apply changes: without --base, what changed since the last one on record."""
    if options.verb != "apply" or options.selection.base is not None:
        return gathering
    affected = find_affected(gathering.selected.fleet, APPLIED)
    return replace(gathering, selected=replace(gathering.selected, affected=affected))


def _check_target(gathered: Gathered) -> None:
    if gathered.sandbox:
        raise UsageError(
            "these results are of the sandbox: they open no gate", "Name directories of a run without --sandbox."
        )


def _judge_blast_radius(options: GatherOptions, gathering: Gathering) -> FleetVerdict | None:
    """After the first wave with tenants that change, each of them has to be free of drift."""
    selected, wave = gathering.selected, options.selection.wave
    canary = None
    if options.verb == "apply" and wave is not None and wave == _find_first_wave(gathering):
        canary = selected.names
    drift = gather_other(gathering, options.directories, "drift") if canary is not None else None
    if drift is not None:
        _check_target(drift)
    return judge_blast_radius(selected.fleet, selected.affected, canary, drift)


def _find_first_wave(gathering: Gathering) -> str | None:
    fleet, affected = gathering.selected.fleet, gathering.selected.affected
    members = assign_waves(fleet)
    going = {members[name] for name in (affected.reasons if affected is not None else members) if name in members}
    return next((wave.name for wave in fleet.waves if wave.name in going), None)


def _find_lifted(
    options: GatherOptions, gathering: Gathering, verdicts: Sequence[FleetVerdict], today: date
) -> list[FleetVerdict]:
    """Return the verdicts that approvals in fleet.yaml lift: those of this fleet plan, until their last day."""
    plan_id = _find_plan_id(options, gathering)
    valid = [each for each in gathering.selected.fleet.approvals if today <= each.until <= today + MAX_APPROVAL_PERIOD]
    lifted = {guard for each in valid if each.plan == plan_id for guard in each.lifts}
    return [each for each in verdicts if each.guard in lifted.intersection(LIFTABLE)]


def _find_plan_id(options: GatherOptions, gathering: Gathering) -> str | None:
    """Return the fleet plan that was made, or of which each plan was applied that has a result; None: of no one."""
    results = gathering.gathered.results
    if options.verb == "plan":
        return compute_fleet_plan_id(list_plans(gathering.gathered))
    if options.selection.plans is None:
        return None
    reviewed = read_fleet_plan(find_fleet_plan(options.selection.plans))
    same = all(each.plan_id in (None, reviewed.tenants.get(name)) for name, each in results.items())
    return reviewed.plan_id if same else None
