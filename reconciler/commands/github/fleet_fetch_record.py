"""`github fleet-fetch-record`: the record branch of a fleet, as the remote repository has it."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.fleet.applied import FILE, FOLDER, name_applied
from reconciler.git.repository import read_named_files
from reconciler.github.environment import git_remote
from reconciler.record.branch import RecordBranch
from reconciler.record.files import write_bytes
from reconciler.session.fleet.record_branch import read_record_branch
from reconciler.session.github_step import report_record_branch
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal

APPLIED_ON_BRANCH = f"{FOLDER}/{FILE}"
"""How far applies have come, on the branch; `--base applied` reads it at the root of the fleet."""


def run_fleet_fetch_record(root: Path, terminal: Terminal) -> ExitCode:
    """Fetch the branch, and how far applies have come. Raises unless the server answers.

    Guards would be open without the history.
    """
    branch = read_record_branch(root)
    if branch is None:
        terminal.note("defaults/settings.yaml names no record.branch: this run does not know of earlier ones.")
        return ExitCode.OK
    tip = RecordBranch(root, branch, git_remote(read_network())).fetch()
    _restore_applied(root, tip)
    report_record_branch(branch, tip, terminal)
    return ExitCode.OK


def _restore_applied(root: Path, tip: str | None) -> None:
    """Write fleet/applied.json as the branch has it; remove one that the branch does not have."""
    path = name_applied(root)
    found = dict(read_named_files(root, tip, [APPLIED_ON_BRANCH])) if tip is not None else {}
    if APPLIED_ON_BRANCH in found:
        write_bytes(path, found[APPLIED_ON_BRANCH])
    else:
        path.unlink(missing_ok=True)
