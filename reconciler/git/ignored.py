"""Find out whether git keeps a file of a directory, or would with the next `git add`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git


def is_tracked(directory: Path, name: str) -> bool:
    """Return whether git's index has a file of this name; False outside of git, and without git."""
    try:
        return bool(run_git(directory, "ls-files", "-z", "--", name))
    except (GitCommandError, RepositoryError):
        return False


def find_unignored(directory: Path, names: Sequence[str]) -> list[str]:
    """Return which files, that need not exist, are in a work tree and not ignored; [] outside of git, without git."""
    try:
        if run_git(directory, "rev-parse", "--is-inside-work-tree").strip() != b"true":
            return []
    except (GitCommandError, RepositoryError):
        return []
    try:
        # The command knows no literal pathspecs, and takes these names literally itself.
        listed = "".join(f"./{name}\0" for name in names).encode("utf-8", "surrogateescape")
        found = run_git(directory, "--no-literal-pathspecs", "check-ignore", "-z", "--stdin", stdin=listed)
    except GitCommandError:  # none is ignored
        return list(names)
    except RepositoryError:
        return []
    ignored = {part.decode("utf-8", "surrogateescape").removeprefix("./") for part in found.split(b"\0")}
    return [name for name in names if name not in ignored]
