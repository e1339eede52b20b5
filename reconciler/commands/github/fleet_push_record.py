"""`github fleet-push-record`: plans and receipts of all tenants of a run, on the record branch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.commands.github.fleet_fetch_record import APPLIED_ON_BRANCH
from reconciler.commands.github.push_record import parse_author
from reconciler.core.text import pluralize
from reconciler.errors import ExitCode
from reconciler.fleet.applied import name_applied, read_applied
from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.model import Fleet
from reconciler.github.environment import git_remote, read_workflow
from reconciler.record.branch import FOLDER, RecordBranch
from reconciler.record.files import read_file
from reconciler.session.fleet.record_branch import read_record_branch
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


def run_fleet_push_record(root: Path, records: Sequence[Path], author: str, terminal: Terminal) -> ExitCode:
    """Add `DIR/TENANT/plans` of all tenants, and fleet/applied.json, to the branch and push it.

    `records`: a directory of each attempt, whose lines of a receipt are put together. What is not a tenant of the fleet
    is left out. Raises `FleetError` if the fleet cannot be read.
    """
    by = parse_author(author)
    fleet, branch = read_fleet(root), read_record_branch(root)
    if branch is None:
        terminal.note("defaults/settings.yaml names no record.branch: nothing was pushed.")
        return ExitCode.OK
    others = {APPLIED_ON_BRANCH: read_file(name_applied(root))} if read_applied(root) is not None else {}
    here = read_workflow()
    note = f"Run {here.run}, commit {here.commit}" if here.run and here.commit.isalnum() else "Manual push"
    target = RecordBranch(root, branch, git_remote(read_network()))
    for directory in records:
        found = _find_records(fleet, directory)
        commit = target.push_all(found, others, by, note)
        terminal.note(
            f"The record of {pluralize(len(found), 'tenant')} is {branch} at {commit[:12]}."
            if commit
            else f"Nothing is new for {branch}."
        )
    return ExitCode.OK


def _find_records(fleet: Fleet, records: Path) -> dict[str, Path]:
    """Return the directory of each tenant's record by its folder on the branch. Links are not followed."""
    found: dict[str, Path] = {}
    for tenant in fleet.tenants:
        above = records / tenant.name
        plans = above / FOLDER
        if plans.is_dir() and not plans.is_symlink() and not above.is_symlink():
            found[f"{tenant.folder}/{FOLDER}"] = plans
    return found
