"""The commits that changed a file, on the first-parent line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.untrusted_values import parse_count
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import parse_object_id

_LATEST = 253_000_000_000
"""Seconds since 1970: before the last year that Python knows."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A commit that changed a file. `time`: of the commit; that of the merge if it came by one."""

    commit: str
    time: datetime


def list_file_versions(directory: Path, name: str, limit: int) -> list[FileVersion]:
    """Return at most `limit` commits of HEAD's first-parent line that changed the file `name`, newest first.

    Empty if there is no repository or no commit. Raises `RepositoryError` if git cannot be run.
    """
    options = ("--first-parent", "--diff-merges=first-parent", "--no-renames", f"--max-count={limit}")
    try:
        output = run_git(directory, "log", *options, "--format=%H %ct", "HEAD", "--", name)
    except GitCommandError:
        return []
    rows = (line.partition(b" ") for line in output.splitlines())
    return [FileVersion(parse_object_id(commit), _parse_time(seconds)) for commit, _, seconds in rows]


def _parse_time(text: bytes) -> datetime:
    seconds = parse_count(text.decode("ascii", "replace"), _LATEST)
    return datetime.fromtimestamp(_LATEST if seconds is None else seconds, UTC)
