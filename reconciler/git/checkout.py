"""The repository around a directory, and whether git can say which files belong to its work tree.

git passes over a `.git` that it cannot use, and says that there is no repository, or takes another one further up. It
does not verify the checksum of an index either: of one that was cut off it lists what is left.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path

from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import quote, shorten
from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git

_MAX_INDEX = 1024 * 1024 * 1024
_CHUNK = 1024 * 1024
_CONFIG_VARIABLES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_COUNT")
_NO_CHECKSUM = ("index.skipHash", "feature.manyFiles")
"""Settings with which git writes zeros in place of the checksum."""


def find_repository(directory: Path) -> Path | None:
    """Return the nearest folder with a `.git`, here or above, on the same file system (as git does); None without.

    A `.git` that leads nowhere counts. git's variables (GIT_DIR, GIT_CEILING_DIRECTORIES) do not: `run_git` drops them.
    Raises `RepositoryError` if a folder cannot be read.
    """
    top = directory.resolve()
    try:
        device = top.stat().st_dev
        for folder in (top, *top.parents):
            if folder.stat().st_dev != device:
                return None
            if os.path.lexists(folder / ".git"):
                return folder
    except OSError as exc:
        raise RepositoryError(f"{top} cannot be searched for a git repository: {describe_os_error(exc)}") from exc
    return None


def check_repository(directory: Path, folder: Path) -> None:
    """Check that git uses the repository in `folder`, with `folder` as its work tree, and that its index is whole.

    Raises `RepositoryError`, and `GitCommandError` with git's message.
    """
    answer = run_git(directory, "rev-parse", "--show-toplevel", "--git-path", "index", "--shared-index-path")
    work_tree, *indexes = [os.fsdecode(line) for line in answer.split(b"\n")[:-1]] or [""]
    if (why := _explain_other_work_tree(work_tree, folder)) is not None:
        raise build_error(folder, why)
    for name in indexes:
        _check_index(directory, folder, directory.resolve() / name)


def check_work_tree(directory: Path, folder: Path) -> None:
    """Check that git uses the repository in `folder`, with `folder` as its work tree, whatever its index is.

    Raises `RepositoryError` if git cannot be run, `GitCommandError` with the reason otherwise.
    """
    answer = run_git(directory, "rev-parse", "--show-toplevel")
    why = _explain_other_work_tree(os.fsdecode(answer.removesuffix(b"\n")), folder)
    if why is not None:
        raise GitCommandError(why)


def _explain_other_work_tree(work_tree: str, folder: Path) -> str | None:
    if _is_same_folder(work_tree, folder):
        return None
    return f"git uses another work tree, {quote(shorten(work_tree, 200))}"


def find_lock(directory: Path) -> Path | None:
    """Return the lock of the index, which git holds while it changes the work tree; None if it is not locked.

    A git command that was interrupted leaves it behind. None as well where git cannot say.
    """
    try:
        if find_repository(directory) is None:
            return None
        answer = run_git(directory, "rev-parse", "--git-path", "index")
    except (GitCommandError, RepositoryError):
        return None  # `check_repository` says why
    lock = Path(os.path.normpath(directory.resolve() / os.fsdecode(answer.removesuffix(b"\n") + b".lock")))
    return lock if os.path.lexists(lock) else None


def _is_same_folder(name: str, folder: Path) -> bool:
    try:
        return Path(name).is_absolute() and Path(name).samefile(folder)
    except (OSError, ValueError):
        return False


def _check_index(directory: Path, folder: Path, path: Path) -> None:
    """Raise `RepositoryError` if an index does not have its checksum. A missing one is none."""
    try:
        is_whole = _has_checksum(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise build_error(folder, describe_os_error(exc)) from exc
    if is_whole is None:
        is_whole = any(_is_set(directory, name) for name in _NO_CHECKSUM)
    if not is_whole:
        raise build_error(folder, f"{path.name} is damaged: its checksum is wrong")


def _has_checksum(path: Path) -> bool | None:
    """Return whether a file ends with the digest of what is before, by either algorithm of git; None: with zeros."""
    size = path.stat().st_size
    if not path.is_file() or size > _MAX_INDEX:
        return False
    for algorithm in (hashlib.sha1, hashlib.sha256):
        digest = algorithm(usedforsecurity=False)
        with path.open("rb") as file:
            left = size - digest.digest_size
            while left > 0 and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
            found = file.read()
        if found == digest.digest():
            return True
        if found == bytes(digest.digest_size):
            return None
    return False


def _is_set(directory: Path, name: str) -> bool:
    try:
        return run_git(directory, "config", "--type=bool", "--get", name).strip() == b"true"
    except GitCommandError:
        return False


def build_error(folder: Path, why: str, what: str = "git's index") -> RepositoryError:
    """Return the error of a repository in `folder` that git cannot use, so that it cannot tell `what` is in it."""
    where = shlex.quote(str(folder))
    if "dubious ownership" in why:
        detail = f"If you trust the repository, {explain_trust(folder)}"
    else:
        detail = (
            f"Run `git -C {where} status` to see why, then repair the repository or clone it again. If "
            f"{folder / '.git'} is not meant to be a repository, move it away."
        )
    return RepositoryError(f"{what} cannot be read: {why}", detail)


def explain_trust(folder: Path) -> str:
    """Return how to let git use the repository in `folder`, which belongs to another user.

    `run_git` drops git's variables, so a setting must be where git looks without them.
    """
    scope, redirects = ("global", "GIT_CONFIG_GLOBAL") if os.environ.get("HOME") else ("system", "GIT_CONFIG_SYSTEM")
    unset = ("env", "-u", redirects) if redirects in os.environ else ()
    command = shlex.join((*unset, "git", "config", f"--{scope}", "--add", "safe.directory", str(folder)))
    ignored = [name for name in _CONFIG_VARIABLES if name in os.environ]
    note = f" Variables of git are ignored here: {', '.join(ignored)}." if ignored else ""
    return f"run `{command}`.{note}"
