"""A gate judges the run so far: a wave, and all waves before it whose results were named, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.fleet.fleet_guards import FleetVerdict, judge_totals, sum_totals
from reconciler.fleet.gathered import Gathered, gather_results
from reconciler.fleet.wave_members import assign_waves, find_earlier_waves
from reconciler.session.fleet.gathering import Gathering


def add_earlier_waves(gathering: Gathering, directories: Sequence[Path], wave: str | None) -> Gathered:
    """Return the results of a wave with those of the waves before it, as far as these are in the directories.

    A tenant of an earlier wave without a result was judged by the gate of that wave.
    """
    fleet = gathering.selected.fleet
    earlier = find_earlier_waves(fleet, wave) if wave is not None else ()
    names = [name for name, member in assign_waves(fleet).items() if member in earlier]
    found = gather_results(directories, names, gathering.wanted)
    return replace(gathering.gathered, results={**found.results, **gathering.gathered.results})


def judge_so_far(gathering: Gathering, so_far: Gathered, verdicts: Sequence[FleetVerdict]) -> list[FleetVerdict]:
    """Return the guards that all waves exceed together, but for those that `verdicts` name already."""
    known = {each.guard for each in verdicts}
    found = judge_totals(gathering.selected.fleet, sum_totals(so_far))
    return [replace(each, found=f"{each.found}, in all waves so far") for each in found if each.guard not in known]
