"""Resolve a ref. One that git cannot resolve is not one that does not exist.

`git rev-parse` exits with the same code for both, and `git for-each-ref` leaves out what it calls a broken ref.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import parse_object_id

_MAX_LISTING = 1024 * 1024


class BrokenRefError(Exception):
    """A ref exists, and git cannot resolve it to a commit; the message says why. `path`: its file, if it has one."""

    def __init__(self, why: str, path: Path | None) -> None:
        super().__init__(why)
        self.path = path


def resolve_ref(directory: Path, ref: str) -> str | None:
    """Return the commit of a ref (`refs/heads/main`) of the repository of `directory`; None if there is no such ref.

    Raises `BrokenRefError`, `GitCommandError` and `RepositoryError`.
    """
    path = _find_file(directory, ref)
    listing = run_git(directory, "for-each-ref", "--format=%(objectname) %(refname)", ref, limit=_MAX_LISTING)
    listed = [line.partition(b" ")[0] for line in listing.splitlines() if line.partition(b" ")[2] == ref.encode()]
    if not listed:
        if path is None:
            return None
        raise BrokenRefError("it does not hold the name of a commit", path)
    digest = parse_object_id(listed[0])
    try:
        return parse_object_id(run_git(directory, "rev-parse", "--verify", "--quiet", f"{digest}^{{commit}}"))
    except GitCommandError as exc:
        raise BrokenRefError(f"{digest[:12]} is no commit, or is not in this repository", path) from exc


def _find_file(directory: Path, ref: str) -> Path | None:
    """Return the file of a ref; None if it has none. A directory can be one of other refs."""
    answer = os.fsdecode(run_git(directory, "rev-parse", "--git-path", ref).removesuffix(b"\n"))
    path = Path(os.path.abspath(directory.resolve() / answer))  # noqa: PTH100 - it may be a link
    if path.is_dir() and not path.is_symlink():
        return None
    return path if os.path.lexists(path) else None
