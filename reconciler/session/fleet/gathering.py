"""What `fleet gather`, `gate` and `retry` share: the results of this commit and run, for the selected tenants."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.text import format_names
from reconciler.errors import RepositoryError
from reconciler.fleet.gathered import NO_RESULT, Gathered, Wanted, check_verb_of_results, gather_results
from reconciler.fleet.later_apply import find_later_apply
from reconciler.fleet.model import Fleet
from reconciler.fleet.run_identity import identify_run
from reconciler.fleet.selection import select_tenants
from reconciler.git.repository import find_head_commit
from reconciler.record.layout import RESULT
from reconciler.session.fleet.fleet_status import is_switched_off
from reconciler.session.fleet.reviewed_plans import read_reviewed_fleet_plan
from reconciler.session.fleet.selected import FleetSelection, Selected, load_selected
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time

_COMMIT_FIRST = (
    "Results belong to the commit that was planned or applied. Commit the fleet (git init, git add ., git commit),"
    " then run the verb again."
)
_CLOCKS_DIFFER = 3600
"""Seconds by which the clock of another machine may be ahead."""
_NO_PLAN = "it was reviewed without a plan: that failed, or a guard blocked it"


@dataclass(frozen=True, slots=True)
class GatherOptions:
    """`directories`: those that `-o` of a verb wrote to. `verb`: whose results count."""

    selection: FleetSelection
    directories: tuple[Path, ...]
    verb: str = "plan"


@dataclass(frozen=True, slots=True)
class Gathering:
    """The tenants that are selected and their results."""

    selected: Selected
    wanted: Wanted
    gathered: Gathered


def _find_commit(root: Path) -> str:
    commit = find_head_commit(root)
    if commit is None:
        raise RepositoryError("the fleet is not in a git repository with a commit", _COMMIT_FIRST)
    return commit


def load_gathering(options: GatherOptions, terminal: Terminal) -> Gathering:
    """Gather the results of this commit and run. Raises `RepositoryError` without a commit: nothing would tie them."""
    _find_commit(options.selection.fleet)
    return gather_selected(options, load_selected(options.selection, terminal))


def load_run(options: GatherOptions, terminal: Terminal) -> Gathering:
    """Gather the same for an apply, also of each tenant that it was about by its reviewed plans, affected or not."""
    _find_commit(options.selection.fleet)
    selected = load_selected(options.selection, terminal)
    reviewed = read_reviewed_fleet_plan(options.selection.plans) if options.verb == "apply" else None
    if reviewed is not None and options.selection.only is None:
        own = select_tenants(selected.fleet, wave=options.selection.wave, only={*reviewed.tenants, *reviewed.failed})
        names = selected.names.union(each.name for each in own)
        tenants = tuple(each for each in selected.fleet.tenants if each.name in names)
        selected = replace(selected, tenants=tenants)
    gathering = gather_selected(options, selected)
    check_verb_of_results(gathering.gathered, options.verb)
    return gathering


def gather_selected(options: GatherOptions, selected: Selected) -> Gathering:
    """Gather the same for tenants that are selected already."""
    commit = _find_commit(options.selection.fleet)
    until = int(current_time().timestamp()) + _CLOCKS_DIFFER
    wanted = Wanted(options.verb, commit, identify_run(os.environ), until)
    return Gathering(selected, wanted, gather_results(options.directories, selected.names, wanted))


def gather_other(gathering: Gathering, directories: Sequence[Path], verb: str) -> Gathered:
    """Gather the results of another verb for the same tenants."""
    return gather_results(directories, gathering.selected.names, replace(gathering.wanted, verb=verb))


def leave_out_waiting(gathering: Gathering, options: GatherOptions, terminal: Terminal) -> Gathering:
    """Expect no result of tenants of which nothing changed in git, and that the apply was not about.

    They are due since a drift run, wait for the next one to run another version of the program, or are held and stay
    open: a run that does not have them is complete all the same. So is a run of an earlier commit than that on record
    without what changed since.
    What began and has no valid result stays missing.
    """
    affected, later = gathering.selected.affected, find_later_apply(gathering.selected.fleet)
    reviewed = read_reviewed_fleet_plan(options.selection.plans)
    absent = {
        name
        for name, why in gathering.gathered.missing.items()
        if why == NO_RESULT and not _has_begun(name, options.directories)
    }
    undone = absent & (later.different - set(later.applied.open)) if later is not None else set()
    waiting = absent - undone - (reviewed.tenants.keys() if reviewed is not None else set())
    due = waiting & affected.due_alone if affected is not None else set()
    others = waiting & affected.by_program_alone if affected is not None else set()
    held = _find_held(gathering.selected.fleet, waiting & affected.open_alone) if affected is not None else set()
    if held:
        terminal.note(f"Held, left open, and not part of this apply: {format_names(sorted(held), 20)}.")
    if due:
        terminal.note(f"Due since a drift run, and not part of this apply: {format_names(sorted(due), 20)}.")
    out = due | others | undone | held
    left = {name: why for name, why in gathering.gathered.missing.items() if name not in out}
    return replace(gathering, gathered=replace(gathering.gathered, missing=left))


def _find_held(fleet: Fleet, names: Collection[str]) -> set[str]:
    """Return which of the tenants are switched off at this commit."""
    return {each.name for each in fleet.tenants if each.name in names and is_switched_off(fleet.root / each.folder)}


def _has_begun(name: str, directories: Sequence[Path]) -> bool:
    """Whether a run wrote files of the tenant and was killed before its result."""
    folders = [directory / name for directory in directories]
    return any(folder.is_dir() and not os.path.lexists(folder / RESULT) for folder in folders)


def add_unplanned(gathering: Gathering, selection: FleetSelection) -> Gathering:
    """Count the tenants of the wave whose plan failed as failed: they are not applied, so they prove nothing.

    The tenants that reviewed plans select are only those that have a plan.
    """
    reviewed = read_reviewed_fleet_plan(selection.plans)
    if reviewed is None:
        return gathering
    members = select_tenants(gathering.selected.fleet, wave=selection.wave, only=reviewed.failed)
    without = {tenant.name: _NO_PLAN for tenant in members if tenant.name not in gathering.gathered.results}
    missing = {**gathering.gathered.missing, **without}
    return replace(gathering, gathered=replace(gathering.gathered, missing=dict(sorted(missing.items()))))
