"""What `fleet gather`, `gate` and `retry` share: the results of this commit and run, for the selected tenants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.fleet.gathered import Gathered, Wanted, gather_results
from reconciler.fleet.run_identity import identify_run
from reconciler.git.repository import find_head_commit
from reconciler.session.fleet.selected import FleetSelection, Selected, load_selected
from reconciler.session.terminal import Terminal


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


def load_gathering(options: GatherOptions, terminal: Terminal) -> Gathering:
    """Gather the results of this commit and run. Raises `RepositoryError` without a commit: nothing would tie them."""
    commit = find_head_commit(options.selection.fleet)
    if commit is None:
        raise RepositoryError("the fleet is not in a git repository with a commit", "Results belong to a commit.")
    selected = load_selected(options.selection, terminal)
    wanted = Wanted(options.verb, commit, identify_run(os.environ))
    return Gathering(selected, wanted, gather_results(options.directories, selected.names, wanted))


def gather_other(gathering: Gathering, directories: Sequence[Path], verb: str) -> Gathered:
    """Gather the results of another verb for the same tenants."""
    wanted = Wanted(verb, gathering.wanted.commit, gathering.wanted.run)
    return gather_results(directories, gathering.selected.names, wanted)
