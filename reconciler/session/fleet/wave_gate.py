"""Whether the next wave may begin: the one judgement of `fleet gate`, and of an apply that names a later wave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from reconciler.core.text import format_names
from reconciler.errors import BlockedError, UsageError
from reconciler.fleet.affected import Affected
from reconciler.fleet.fleet_guards import (
    FAILED,
    FleetVerdict,
    find_lifted,
    find_proving_wave,
    judge_blast_radius,
    judge_fleet,
)
from reconciler.fleet.fleet_plan import identify_plans
from reconciler.fleet.gathered import NO_RESULT, Gathered
from reconciler.fleet.wave_members import find_earlier_waves
from reconciler.session.fleet.before_apply import find_approved, find_changed, find_reviewed
from reconciler.session.fleet.gathering import (
    Gathering,
    GatherOptions,
    add_unplanned,
    gather_other,
    gather_selected,
)
from reconciler.session.fleet.run_so_far import add_earlier_waves, judge_so_far
from reconciler.session.fleet.selected import FleetSelection, Selected, select_again
from reconciler.session.fleet.tokens import refuse_shared_tokens


@dataclass(frozen=True, slots=True)
class GateJudgement:
    """The results, the guards that close the gate, and those that an approval lifts."""

    gathered: Gathered
    left: tuple[FleetVerdict, ...]
    lifted: tuple[FleetVerdict, ...]


def judge_gate(
    options: GatherOptions, gathering: Gathering, changed: Affected | None = None, today: date | None = None
) -> GateJudgement:
    """Judge results by the guards of the fleet. `changed`: what the apply changes, if it is known.

    Raises `UsageError` for results of the sandbox, and `SharedTokenError`.
    """
    _check_target(gathering.gathered)
    today = today or datetime.now(UTC).date()
    if FAILED not in find_approved(gathering.selected, options.selection, today):
        gathering = add_unplanned(gathering, options.selection)
    so_far = add_earlier_waves(gathering, options.directories, options.selection.wave)
    refuse_shared_tokens(so_far.results.values())
    fleet, affected = gathering.selected.fleet, gathering.selected.affected
    if options.verb == "apply":
        affected = changed or find_changed(gathering.selected, options.selection)
    verdicts = list(judge_fleet(fleet, gathering.gathered, affected, options.selection.wave))
    verdicts += judge_so_far(gathering, so_far, verdicts)
    radius = _judge_blast_radius(options, gathering, affected)
    if radius is not None:
        verdicts.append(radius)
    # An approval cannot know which tenants fail when they are applied.
    approved = find_lifted(fleet, find_plan_id(options, gathering), today) - {FAILED}
    lifted = tuple(each for each in verdicts if each.guard in approved)
    return GateJudgement(gathering.gathered, tuple(each for each in verdicts if each not in lifted), lifted)


def check_earlier_waves(
    selected: Selected, selection: FleetSelection, results: Sequence[Path], today: date | None = None
) -> None:
    """Judge the gate after each wave before that of an apply, by `results`: directories that the waves wrote to.

    Nothing is asked of a wave without tenants that the apply is about. Raises `BlockedError` if a gate is closed.
    """
    if selection.wave is None:
        return
    whole = replace(selection, shard=None, slice=None, only=None)
    earlier = find_earlier_waves(selected.fleet, selection.wave)
    changed = find_changed(selected, whole) if earlier else None
    for wave in earlier:
        options = GatherOptions(replace(whole, wave=wave), tuple(results), "apply")
        found = judge_gate(options, gather_selected(options, select_again(selected, options.selection)), changed, today)
        if found.left:
            raise _refuse(selection.wave, wave, found)


def _refuse(wave: str, earlier: str, found: GateJudgement) -> BlockedError:
    first = found.left[0]
    name_them = (
        f"Name the directories that the applies and drift runs of the waves before {wave} wrote to: --results DIR."
    )
    if not found.gathered.results:
        missing = found.gathered.missing
        why = next((f" ({each})" for each in missing.values() if each != NO_RESULT), "")
        names = format_names(list(missing), 5)
        return BlockedError(f"no result of the wave {earlier}, which goes before {wave}: {names}{why}", name_them)
    return BlockedError(
        f"the gate after {earlier} is closed, so {wave} cannot begin: the guard {first.guard} blocks, {first.found}",
        f"{first.way_on}\n{name_them}",
    )


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


def find_plan_id(options: GatherOptions, gathering: Gathering) -> str | None:
    """Return the fleet plan that was made, or of which each plan was applied that has a result; None: of no one."""
    results = gathering.gathered.results
    if options.verb == "plan":
        return identify_plans(gathering.gathered)
    reviewed = find_reviewed(gathering.selected, options.selection)
    if reviewed is None:
        return None
    same = all(each.plan_id in (None, reviewed.tenants.get(name)) for name, each in results.items())
    return reviewed.plan_id if same else None
