"""The files that the tenants of a fleet are resolved from, by git's ids: those of a commit, and those that are here.

Files that are not committed count as they are, and so do untracked and ignored ones: a plan would read them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.index import has_digest
from reconciler.git.process import run_git

REQUIREMENTS = "requirements"
"""The folder, of the repository or of the fleet, that pins the program: its wheel, its hash, its dependencies."""
_MAX_LISTING = 512 * 1024 * 1024
_MAX_ENTRIES = 4_000_000
_WHOLE_FILE = 64 * 1024 * 1024
_PIECE = 1024 * 1024
_LINK = b"120000"
_SHA256_DIGITS = 64
LINK = "link"
"""In place of the id of a symbolic link: what it leads to may be anywhere."""


def find_prefix(root: Path) -> str:
    """Return the path of `root` in its repository, with a slash at the end; "" at the top.

    Raises `GitCommandError` outside of a repository.
    """
    return os.fsdecode(run_git(root, "rev-parse", "--show-prefix").removesuffix(b"\n"))


def read_commit_ids(root: Path, commit: str, prefix: str) -> dict[str, str]:
    """Return the id of each file of the fleet in a commit, by its name relative to the top of the repository.

    Raises `GitCommandError`, and `RepositoryError` if it is too much.
    """
    paths = (prefix.rstrip("/"), REQUIREMENTS) if prefix else ()
    listing = run_git(root, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths, limit=_MAX_LISTING)
    lines = listing.split(b"\0")[:-1]
    if len(lines) > _MAX_ENTRIES:
        raise RepositoryError(f"the commit has more than {_MAX_ENTRIES:,} files", "Divide the fleet.")
    found: dict[str, str] = {}
    for line in lines:
        facts, _, name = line.partition(b"\t")
        mode, _, oid = facts.partition(b" ")
        # A submodule has no files here: its id is that of a commit, which no file has.
        found[os.fsdecode(name)] = LINK if mode == _LINK else oid.rpartition(b" ")[2].decode("ascii", "replace")
    return found


def list_files(directory: str, skipped: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield name relative to `directory`, and path, of each file below it. `skipped`: folders at its top.

    Links are yielded, not followed. A folder that is not there has no files. Raises `OSError`.
    """
    stack = [(directory, "")]
    while stack:
        path, prefix = stack.pop()
        try:
            with os.scandir(path) as found:
                entries = list(found)
        except FileNotFoundError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield f"{prefix}{entry.name}", entry.path
            elif prefix or entry.name not in skipped:
                stack.append((entry.path, f"{prefix}{entry.name}/"))


def is_unchanged(path: str, before: str | None) -> bool:
    """Whether a file has the bytes of the id `before`, with line ends of any kind; never, if it is a link.

    Raises `OSError` if it cannot be read.
    """
    if before is None or before == LINK:
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return False
        if status.st_size > _WHOLE_FILE:
            return _hash(handle, status.st_size, before) == before
        return has_digest(_read_whole(handle, status.st_size), before)
    finally:
        os.close(handle)


def compute_ids(root: str, like: str, skipped: frozenset[str]) -> dict[str, str] | None:
    """Return the ids that git gives the files below a folder; None if one is a link or cannot be read."""
    found: dict[str, str] = {}
    try:
        for name, path in list_files(root, skipped):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                found[name] = _hash(handle, os.fstat(handle).st_size, like)
            finally:
                os.close(handle)
    except OSError:
        return None
    return found


def _read_whole(handle: int, size: int) -> bytes:
    content = os.read(handle, size + 1)
    if len(content) <= size and not (more := os.read(handle, _PIECE)):
        return content
    pieces = [content, more] if len(content) <= size else [content]
    while piece := os.read(handle, _PIECE):
        pieces.append(piece)
        if sum(map(len, pieces)) > _WHOLE_FILE + _PIECE:
            break  # it grows while it is read: it is not what it was
    return b"".join(pieces)


def _hash(handle: int, size: int, like: str) -> str:
    digest = hashlib.sha256() if len(like) == _SHA256_DIGITS else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % size)
    while piece := os.read(handle, _PIECE):
        digest.update(piece)
    return digest.hexdigest()


def has_same_files(root: str, before: Mapping[str, str], skipped: frozenset[str]) -> bool:
    """Whether the files below a folder are those of `before`, by their names relative to it, byte by byte.

    What cannot be read differs.
    """
    seen = 0
    try:
        for name, path in list_files(root, skipped):
            seen += 1
            if not is_unchanged(path, before.get(name)):
                return False
    except OSError:
        return False
    return seen == len(before)
