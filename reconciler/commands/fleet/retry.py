"""`fleet retry`: run a verb again, for the tenants that failed or have no result, and for no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.commands.fleet.apply import FleetApplyOptions, run_fleet_apply
from reconciler.commands.fleet.drift import run_fleet_drift
from reconciler.commands.fleet.matrix import check_verb
from reconciler.commands.fleet.plan import FleetPlanOptions, run_fleet_plan
from reconciler.core.text import format_names, pluralize
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.gathered import OTHER_COMMIT, Gathered, gather_results
from reconciler.fleet.model import Fleet
from reconciler.fleet.wave_members import assign_waves
from reconciler.session.fleet.gathering import Gathering, GatherOptions, load_gathering
from reconciler.session.fleet.tokens import find_shared_tokens
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class FleetRetryOptions:
    """`directories`: with the results so far. `again`: how the verb is run; its selection is completed."""

    directories: tuple[Path, ...]
    verb: str
    again: FleetApplyOptions


def run_fleet_retry(options: FleetRetryOptions, terminal: Terminal) -> ExitCode:
    """Run the verb for the tenants that failed. Their results replace those in the directory, if it is one.

    An apply is of one wave: the first one with such tenants, unless --wave names another, and its gates are judged.
    Raises `UsageError` for results of another commit: all their tenants would count as missing, and run again.
    """
    check_verb(options.verb)
    run = options.again.run
    # Of all shards: what no shard has a result of is missing.
    whole = replace(run.selection, shard=None)
    gathering = load_gathering(GatherOptions(whole, options.directories, options.verb), terminal)
    _check_commit(gathering)
    _check_target(gathering.gathered, sandbox=run.sandbox)
    failed = [*gathering.gathered.failed, *_find_shared(gathering, options.directories)]
    if not failed:
        terminal.result("No tenant failed, and no result is missing.")
        return ExitCode.OK
    wave, names = run.selection.wave, failed
    if options.verb == "apply" and wave is None:
        wave, names = _find_first_wave(gathering.selected.fleet, names)
    of_wave = f" of the wave {wave}" if wave is not None else ""
    terminal.note(f"Running again: {pluralize(len(names), 'tenant')}{of_wave}, {format_names(names, 20)}.")
    if later := [name for name in failed if name not in names]:
        count = pluralize(len(later), "tenant")
        terminal.note(
            f"Not run, because of later waves: {count}, {format_names(later, 20)}. Name the next one: --wave."
        )
    if run.out is None and len(options.directories) > 1:
        raise UsageError("there are several directories", "Name a directory for the new results: -o DIR.")
    selection = replace(run.selection, wave=wave, only=frozenset(names))
    after = max((each.began for each in gathering.gathered.results.values()), default=0)
    again = replace(run, selection=selection, out=run.out or options.directories[0], after=after)
    if options.verb == "apply":
        results = (*options.again.results, *options.directories)
        return run_fleet_apply(replace(options.again, run=again, results=results), terminal)
    run_verb = run_fleet_plan if options.verb == "plan" else run_fleet_drift
    return run_verb(FleetPlanOptions(again), terminal)


def _find_first_wave(fleet: Fleet, names: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the first wave with some of these tenants, and which; None and all of them if the fleet has no waves.

    The others may not have begun: what failed in a wave keeps them from it.
    """
    members = assign_waves(fleet)
    for wave in fleet.waves:
        if found := [name for name in names if members[name] == wave.name]:
            return wave.name, found
    return None, list(names)


def _find_shared(gathering: Gathering, directories: Sequence[Path]) -> list[str]:
    """Return the tenants that went well with a token that another one of the fleet used, too, in whatever wave."""
    names = [tenant.name for tenant in gathering.selected.fleet.tenants]
    pairs = find_shared_tokens(gather_results(directories, names, gathering.wanted).results.values())
    shared = {name for pair in pairs for name in pair}
    return sorted(shared.intersection(gathering.gathered.results) - gathering.gathered.failed.keys())


def _check_commit(gathering: Gathering) -> None:
    others = [why for why in gathering.gathered.missing.values() if why.startswith(OTHER_COMMIT)]
    if others:
        results, commit = pluralize(len(others), "result"), others[0].removeprefix(OTHER_COMMIT)[:12]
        raise UsageError(
            f"{results} of commit {commit}, HEAD is {gathering.wanted.commit[:12]}: these tenants would all run again",
            "Check out that commit to run again what failed. For this commit, run the verb itself, not retry.",
        )


def _check_target(gathered: Gathered, *, sandbox: bool) -> None:
    """Raise if the results so far are of the sandbox and the run is not, or the other way round."""
    if not gathered.results or gathered.sandbox is sandbox:
        return
    if gathered.sandbox:
        raise UsageError("the results are of the sandbox", "Add --sandbox, or name the results of another run.")
    raise UsageError("the results are not of the sandbox", "Run it again without --sandbox.")
