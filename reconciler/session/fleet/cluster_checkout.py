"""What a worker's checkout is at: tenants are run at the commit of their task, never at another state of the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from reconciler.core.text import format_names, pluralize
from reconciler.desired.layout import DEFAULTS, FLEET_FILE, GROUPS, NOT_RESOLVED
from reconciler.errors import FleetError, RepositoryError
from reconciler.fleet.model import Fleet
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import find_head_commit

_MAX_LISTING = 16 * 1024 * 1024


def find_commit(root: Path) -> str:
    """Return the commit that is checked out. Raises `FleetError` outside of git."""
    commit = find_head_commit(root)
    if commit is None:
        raise FleetError(
            "git shows no commit of the fleet", "The queue names commits: put the fleet into a git repository."
        )
    return commit


def find_changed_files(root: Path, folders: Sequence[str]) -> list[str]:
    """Return the files that these tenants are resolved from and that are not as in the commit, sorted.

    `folders`: of the tenants, relative to `root`. Raises `FleetError` if git cannot say.
    """
    arguments = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignored=no", "--")
    try:
        output = run_git(root, *arguments, FLEET_FILE, DEFAULTS, GROUPS, *folders, limit=_MAX_LISTING)
        below = run_git(root, "rev-parse", "--show-prefix").decode("utf-8", "replace").strip()
    except (GitCommandError, RepositoryError) as exc:
        raise FleetError("git cannot say which files of the fleet were changed", str(exc)) from exc
    names = [line[3:].removeprefix(below) for line in output.decode("utf-8", "replace").split("\0") if line]
    records = tuple(f"{folder}/{name}/" for folder in folders for name in NOT_RESOLVED)
    return sorted(name for name in names if not name.startswith(records))


def find_changed_tenants(fleet: Fleet) -> frozenset[str]:
    """Return the tenants that are not resolved as in the commit; all, if a file is shared. Raises `FleetError`."""
    names = {tenant.folder: tenant.name for tenant in fleet.tenants}
    found = set()
    for file in find_changed_files(fleet.root, list(names)):
        owner = next((names[each.as_posix()] for each in PurePosixPath(file).parents if each.as_posix() in names), None)
        if owner is None:
            return frozenset(names.values())
        found.add(owner)
    return frozenset(found)


def describe_changed_files(names: Sequence[str]) -> str | None:
    """Return one line about changed files; None if there are none."""
    if not names:
        return None
    verb = "differs" if len(names) == 1 else "differ"
    return f"{pluralize(len(names), 'file')} of the checkout {verb} from its commit: {format_names(names, 3)}"
