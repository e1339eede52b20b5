"""Compare git's index with the work tree: which tracked files are missing or different.

The index is read, never written. Nothing of the repository runs: files are compared by their own bytes, not by filters.
An empty list would mean that no file is missing, so only the answer of a repository that git can use counts.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.checkout import build_error, check_repository, find_repository
from reconciler.git.process import GitCommandError, run_git
from reconciler.git.repository import has_file, parse_object_id

_MAX_LISTING = 32 * 1024 * 1024
_MAX_NAMES = 512 * 1024 * 1024
"""Of the names alone, which are those of a whole fleet."""
_MAX_BYTES = 64 * 1024 * 1024
_LINK, _SUBMODULE = "120000", "160000"
_MODES = frozenset({"100644", "100755", _LINK, _SUBMODULE})


class FileState(Enum):
    """How a tracked file of the work tree differs from git's index."""

    MISSING = auto()
    SKIPPED = auto()
    """It is missing, and marked skip-worktree (by a sparse checkout): `git checkout` and `git rm` pass over it."""
    OUTDATED = auto()
    """It has other content, and is marked skip-worktree (by a sparse checkout) or assume-unchanged."""
    UNMERGED = auto()
    SUBMODULE = auto()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the index. `ignored`: the file is marked skip-worktree (`skipped`) or assume-unchanged."""

    name: str
    mode: str
    digest: str
    stage: int
    ignored: bool = False
    skipped: bool = False


def find_differences(
    directory: Path, names: Sequence[str], read: Collection[str] | None = None
) -> dict[str, FileState]:
    """Return the tracked files that are not in `directory` as git's index has them, by their names relative to it.

    `names`: the files and folders of `directory` that are compared. `read`: the files that were read; another one is
    missing, even if it is there by now. Ordinary edits are no difference. If the index has none of `names`, those of
    HEAD count: a lost index looks like an empty one. Empty if there is no `.git` here or above.

    Raises `RepositoryError` if there is one, and git cannot say which files belong here.
    """
    folder = find_repository(directory)
    entries = _list_entries(directory, folder, names) if folder is not None else []
    known = None if read is None else set(map(_fold, read))
    found = {entry.name: _compare(directory, entry, known) for entry in entries}
    return {name: state for name, state in found.items() if state is not None}


def list_blobs(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the ids of the regular files of `names` as git's index has them; merged ones only. Empty outside of git.

    Raises `RepositoryError` if git cannot tell.
    """
    folder = find_repository(directory)
    entries = _list_entries(directory, folder, names) if folder is not None else []
    return {entry.name: entry.digest for entry in entries if not entry.stage and entry.mode not in (_LINK, _SUBMODULE)}


def list_names(directory: Path, names: Sequence[str]) -> list[str]:
    """Return all that git tracks of `names`, submodules too. If the index has none, that of HEAD. Empty outside of git.

    Raises `RepositoryError` if git cannot tell.
    """
    folder = find_repository(directory)
    if folder is None:
        return []
    try:
        check_repository(directory, folder)
        listing = run_git(directory, "ls-files", "-z", "--", *names, limit=_MAX_NAMES)
        found = [os.fsdecode(name) for name in listing.split(b"\0") if name]
        return found or [entry.name for entry in _list_head(directory, names)]
    except GitCommandError as exc:
        raise build_error(folder, str(exc)) from exc
    except ValueError as exc:
        raise build_error(folder, "its output is not as expected") from exc


def confirms_deletion(directory: Path, name: str, names: Sequence[str], commit: str | None) -> bool:
    """Return whether git shows that the file `name` of `directory` was deleted on purpose: `git rm`, or a commit.

    git must track others of `names`, must not have the file in its index, and must have had it: in `commit`, or in any
    commit before HEAD. False if git cannot tell.
    """
    try:
        folder = find_repository(directory)
        tracked = {entry.name for entry in _list_entries(directory, folder, names)} if folder is not None else set()
        if not tracked or name in tracked:
            return False
        if commit is not None and has_file(directory, commit, name):
            return True
        return bool(run_git(directory, "rev-list", "--max-count=1", "HEAD", "--", name).strip())
    except (GitCommandError, RepositoryError):
        return False


def _list_entries(directory: Path, folder: Path, names: Sequence[str]) -> list[_Entry]:
    """Return what the repository in `folder` tracks of `names`. Raises `RepositoryError` if git cannot tell."""
    try:
        check_repository(directory, folder)
        listing = run_git(directory, "ls-files", "-z", "--stage", "-v", "--", *names, limit=_MAX_LISTING)
        entries = [_parse_entry(line) for line in listing.split(b"\0") if line]
        return entries or _list_head(directory, names)
    except GitCommandError as exc:
        raise build_error(folder, str(exc)) from exc
    except ValueError as exc:
        raise build_error(folder, "its output is not as expected") from exc


def _list_head(directory: Path, names: Sequence[str]) -> list[_Entry]:
    """Return what HEAD has of `names`; empty in a new repository without any commit."""
    try:
        head = parse_object_id(run_git(directory, "rev-parse", "--verify", "HEAD^{commit}"))
    except GitCommandError:
        if _is_new(directory):
            return []
        raise
    listing = run_git(directory, "ls-tree", "-r", "-z", head, "--", *names, limit=_MAX_LISTING)
    return [_parse_tree_entry(line) for line in listing.split(b"\0") if line]


def _is_new(directory: Path) -> bool:
    """Whether a repository has no commit yet: no branch, no tag, and no log of what HEAD was."""
    if run_git(directory, "for-each-ref", "--count=1").strip():
        return False
    try:
        run_git(directory, "reflog", "exists", "HEAD")
    except GitCommandError:
        return True
    return False


def _parse_entry(line: bytes) -> _Entry:
    """Parse `tag mode digest stage TAB name`: a tag in lower case is assume-unchanged, S is skip-worktree."""
    facts, separator, name = line.partition(b"\t")
    tag, mode, digest, stage = facts.decode("ascii").split(" ")
    _check_entry(mode, separator + name)
    skipped = tag.upper() == "S"
    return _Entry(os.fsdecode(name), mode, digest, int(stage), tag.islower() or skipped, skipped)


def _parse_tree_entry(line: bytes) -> _Entry:
    """Parse `mode type digest TAB name`."""
    facts, separator, name = line.partition(b"\t")
    mode, _, digest = facts.decode("ascii").split(" ")
    _check_entry(mode, separator + name)
    return _Entry(os.fsdecode(name), mode, digest, stage=0)


def _check_entry(mode: str, name: bytes) -> None:
    """Raise `ValueError` unless a mode is one of git's and `name`, after its separator, is not empty."""
    if mode not in _MODES or len(name) < len(b"\tx"):
        raise ValueError("not an entry of git")


def _fold(name: str) -> str:
    """Return what is common to the spellings of a name that a file system may take for the same file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _compare(directory: Path, entry: _Entry, read: Collection[str] | None) -> FileState | None:
    if entry.stage:
        return FileState.UNMERGED
    if entry.mode == _SUBMODULE:
        return FileState.SUBMODULE
    path = directory / entry.name
    missing = FileState.SKIPPED if entry.skipped else FileState.MISSING
    try:
        status = path.lstat()
        is_file = stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)
        if not is_file or (read is not None and _fold(entry.name) not in read):
            return missing
        return FileState.OUTDATED if entry.ignored and not _has_content(path, status, entry) else None
    except (OSError, ValueError):
        return missing


def _has_content(path: Path, status: os.stat_result, entry: _Entry) -> bool:
    """Whether a file has the content of its entry, with line ends of any kind."""
    if status.st_size > _MAX_BYTES or stat.S_ISLNK(status.st_mode) != (entry.mode == _LINK):
        return False
    content = os.fsencode(path.readlink()) if stat.S_ISLNK(status.st_mode) else path.read_bytes()
    return has_digest(content, entry.digest)


def has_digest(content: bytes, digest: str) -> bool:
    """Whether a file is the blob with the id `digest`, with line ends of any kind."""
    return any(_digest(text, digest) == digest for text in (content, content.replace(b"\r\n", b"\n")))


def _digest(content: bytes, like: str) -> str:
    """Return the object id of a blob, by the algorithm of the repository."""
    algorithm = hashlib.sha1 if len(like) == hashlib.sha1().digest_size * 2 else hashlib.sha256  # noqa: S324
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()
