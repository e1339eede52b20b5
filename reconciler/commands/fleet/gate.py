"""`fleet gate`: whether the next wave may begin, by results of this run and commit only, and by the fleet's guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from reconciler.commands.fleet.matrix import check_verb
from reconciler.core.policy import MAX_APPROVAL_PERIOD
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.fleet_guards import LIFTABLE, FleetVerdict, judge_blast_radius, judge_fleet
from reconciler.fleet.fleet_plan import compute_fleet_plan_id, list_plans, read_fleet_plan
from reconciler.fleet.wave_members import assign_waves
from reconciler.render.fleet_gathered import render_gate, render_gathered
from reconciler.session.fleet.gathering import Gathering, GatherOptions, gather_other, load_gathering
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class GateOptions:
    """`reviewed`: the fleet plan that was reviewed, to which an approval may belong."""

    gather: GatherOptions
    reviewed: Path | None = None


def run_gate(options: GateOptions, terminal: Terminal, today: date | None = None) -> ExitCode:
    """Judge the results; the exit code is 3 if a guard is exceeded. A missing result is a failure."""
    check_verb(options.gather.verb)
    if options.gather.verb == "drift":
        raise UsageError("a gate follows a plan or an apply", "Name --verb plan or --verb apply.")
    gathering = load_gathering(options.gather, terminal)
    selected = gathering.selected
    verdicts = list(judge_fleet(selected.fleet, gathering.gathered, selected.affected))
    radius = _judge_blast_radius(options, gathering)
    if radius is not None:
        verdicts.append(radius)
    lifted = _find_lifted(options, gathering, verdicts, today or datetime.now(UTC).date())
    left = [each for each in verdicts if each not in lifted]
    wave = options.gather.selection.wave
    terminal.result(render_gathered(gathering.gathered, f"Wave {wave}" if wave else "Fleet"))
    terminal.result("\n" + render_gate(f"after {wave}" if wave else f"after {options.gather.verb}", left, lifted))
    return ExitCode.BLOCKED if left else ExitCode.OK


def _judge_blast_radius(options: GateOptions, gathering: Gathering) -> FleetVerdict | None:
    """After the first wave with tenants that change, each of them has to be free of drift."""
    selected, wave = gathering.selected, options.gather.selection.wave
    canary = None
    if options.gather.verb == "apply" and wave is not None and wave == _find_first_wave(gathering):
        canary = selected.names
    drift = gather_other(gathering, options.gather.directories, "drift") if canary is not None else None
    return judge_blast_radius(selected.fleet, selected.affected, canary, drift)


def _find_first_wave(gathering: Gathering) -> str | None:
    fleet, affected = gathering.selected.fleet, gathering.selected.affected
    members = assign_waves(fleet)
    going = {members[name] for name in (affected.reasons if affected is not None else members)}
    return next((wave.name for wave in fleet.waves if wave.name in going), None)


def _find_lifted(
    options: GateOptions, gathering: Gathering, verdicts: Sequence[FleetVerdict], today: date
) -> list[FleetVerdict]:
    """Return the verdicts that approvals in fleet.yaml lift: those of this fleet plan, until their last day."""
    plan_id = _find_plan_id(options, gathering)
    valid = [each for each in gathering.selected.fleet.approvals if today <= each.until <= today + MAX_APPROVAL_PERIOD]
    lifted = {guard for each in valid if each.plan == plan_id for guard in each.lifts}
    return [each for each in verdicts if each.guard in lifted.intersection(LIFTABLE)]


def _find_plan_id(options: GateOptions, gathering: Gathering) -> str | None:
    """Return the fleet plan that was made, or of which each plan was applied that has a result; None: of no one."""
    results = gathering.gathered.results
    if options.gather.verb == "plan":
        return compute_fleet_plan_id(list_plans(gathering.gathered)) if options.gather.is_whole else None
    if options.reviewed is None:
        return None
    reviewed = read_fleet_plan(options.reviewed)
    same = all(each.plan_id in (None, reviewed.tenants.get(name)) for name, each in results.items())
    return reviewed.plan_id if same else None
