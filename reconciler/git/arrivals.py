"""When the files of a directory last came to a branch, by the times of its commits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.untrusted_values import parse_count
from reconciler.git.process import GitCommandError, run_git

_MAX_LISTING = 32 * 1024 * 1024
_MARK = b"\x01"
_LATEST = 253_000_000_000
"""Seconds since 1970: before the last year that Python knows."""


def read_arrivals(directory: Path, ref: str, folder: str) -> dict[str, datetime]:
    """Return when each file below `folder` was last added to, or changed on, the branch `ref`.

    `folder`: relative to `directory`. By name, relative to the top of the repository. A file that came by a merge has
    the time of the merge: the authors of a branch choose the times of its commits. Empty if there is no such branch, or
    no repository. Raises `RepositoryError` if git cannot be run.
    """
    options = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--diff-filter=d", "--name-only", "-z")
    try:
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


def _parse_time(text: bytes) -> datetime:
    seconds = parse_count(text.decode("ascii", "replace"), _LATEST)
    return datetime.fromtimestamp(_LATEST if seconds is None else seconds, UTC)
