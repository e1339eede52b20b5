"""Compare git's index with the work tree: which tracked files are missing or different.

The index is read, never written. Nothing of the repository runs: files are compared by their own bytes, not by filters.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git

_MAX_LISTING = 32 * 1024 * 1024
_MAX_BYTES = 64 * 1024 * 1024
_LINK, _SUBMODULE = "120000", "160000"


class FileState(Enum):
    """How a tracked file of the work tree differs from git's index."""

    MISSING = auto()
    OUTDATED = auto()
    """It has other content, and is marked skip-worktree (by a sparse checkout) or assume-unchanged."""
    UNMERGED = auto()
    SUBMODULE = auto()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the index. `ignored`: the file is marked skip-worktree or assume-unchanged."""

    name: str
    mode: str
    digest: str
    stage: int
    ignored: bool


def find_differences(directory: Path, names: Sequence[str]) -> dict[str, FileState]:
    """Return the tracked files that are not in `directory` as git's index has them, by their names relative to it.

    `names`: the files and folders of `directory` that are compared. Ordinary edits are no difference. Empty outside of
    a git repository. Raises `RepositoryError` if there is a repository and git cannot read it.
    """
    top = directory.resolve()
    if not any((folder / ".git").exists() for folder in (top, *top.parents)):
        return {}
    try:
        listing = run_git(directory, "ls-files", "-z", "--stage", "-v", "--", *names, limit=_MAX_LISTING)
        entries = [_parse_entry(line) for line in listing.split(b"\0") if line]
    except GitCommandError as exc:
        if "not a git repository (or any" in str(exc):
            return {}
        raise _unreadable(exc) from exc
    except ValueError as exc:
        raise RepositoryError("git's index cannot be read", "Run `git ls-files --stage -v` there to see why.") from exc
    found = {entry.name: _compare(directory, entry) for entry in entries}
    return {name: state for name, state in found.items() if state is not None}


def _unreadable(exc: GitCommandError) -> RepositoryError:
    detail = "Run `git ls-files` there to see why."
    if "dubious ownership" in str(exc):
        detail = "If you trust the repository: git config --global --add safe.directory DIR (the directory in quotes)."
    return RepositoryError(f"git's index cannot be read: {exc}", detail)


def _parse_entry(line: bytes) -> _Entry:
    """Parse `tag mode digest stage TAB name`: a tag in lower case is assume-unchanged, S is skip-worktree."""
    facts, separator, name = line.partition(b"\t")
    tag, mode, digest, stage = facts.decode("ascii").split(" ")
    if not (separator and name):
        raise ValueError("an entry without a name")
    return _Entry(os.fsdecode(name), mode, digest, int(stage), tag.islower() or tag.upper() == "S")


def _compare(directory: Path, entry: _Entry) -> FileState | None:
    if entry.stage:
        return FileState.UNMERGED
    if entry.mode == _SUBMODULE:
        return FileState.SUBMODULE
    path = directory / entry.name
    try:
        status = path.lstat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            return FileState.MISSING
        return FileState.OUTDATED if entry.ignored and not _has_content(path, status, entry) else None
    except (OSError, ValueError):
        return FileState.MISSING


def _has_content(path: Path, status: os.stat_result, entry: _Entry) -> bool:
    """Whether a file has the content of its entry, with line ends of any kind."""
    if status.st_size > _MAX_BYTES or stat.S_ISLNK(status.st_mode) != (entry.mode == _LINK):
        return False
    content = os.fsencode(path.readlink()) if stat.S_ISLNK(status.st_mode) else path.read_bytes()
    return any(_digest(text, entry.digest) == entry.digest for text in (content, content.replace(b"\r\n", b"\n")))


def _digest(content: bytes, like: str) -> str:
    """Return the object id of a blob, by the algorithm of the repository."""
    algorithm = hashlib.sha1 if len(like) == hashlib.sha1().digest_size * 2 else hashlib.sha256  # noqa: S324
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()
