"""When the files of a directory were last added to a branch, by the times of its commits."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.untrusted_values import parse_count
from reconciler.git.process import GitCommandError, run_git

_MAX_LISTING = 32 * 1024 * 1024
_MARK = b"\x01"
_LATEST = 253_000_000_000
"""Seconds since 1970: before the last year that Python knows."""


def read_arrivals(directory: Path, ref: str, top_folder: str | None = None) -> dict[str, datetime]:
    """Return when each file below `directory` was last added to, or changed on, the branch `ref`.

    `top_folder`: this folder at the top of the repository instead. By name, relative to the top. A file that came by a
    merge has the time of the merge: the authors of a branch choose the times of its commits. Empty if there is no such
    branch, or no repository. Raises `RepositoryError` if git cannot be run.
    """
    options = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--diff-filter=d", "--name-only", "-z")
    try:
        folder = "." if top_folder is None else f"{_find_top(directory)}{top_folder}"
        output = run_git(directory, "log", *options, "--format=%x01%ct", ref, "--", folder, limit=_MAX_LISTING)
    except GitCommandError:
        return {}
    found: dict[str, datetime] = {}
    when = _parse_time(b"")
    for line in output.split(b"\0"):
        entry = line.lstrip(b"\n")
        # A name begins with the folder, so none looks like the line of a commit.
        if entry.startswith(_MARK):
            when = _parse_time(entry.removeprefix(_MARK))
        elif entry:
            name = entry.decode("utf-8", "surrogateescape")
            found[name] = max(when, found.get(name, when))
    return found


def _find_top(directory: Path) -> str:
    """Return the path to the top of the repository, relative to `directory`: `../../`."""
    return os.fsdecode(run_git(directory, "rev-parse", "--show-cdup").removesuffix(b"\n"))


def _parse_time(text: bytes) -> datetime:
    seconds = parse_count(text.decode("ascii", "replace"), _LATEST)
    return datetime.fromtimestamp(_LATEST if seconds is None else seconds, UTC)
