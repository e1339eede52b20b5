"""Clones without all of their history: partial clones, which lack files, and shallow ones, which lack commits."""

from __future__ import annotations

import shlex
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.git.process import GitCommandError, run_git

_PROMISOR = ("config", "--type=bool", "--get-regexp", r"^remote\..*\.promisor$")


def explain_missing_objects(directory: Path) -> RepositoryError | None:
    """Return the error for objects that a partial clone does not have; None if the clone is not partial.

    Nothing is fetched: reading must not depend on a server, and could fetch each file by itself.
    """
    remote = _find_promisor(directory)
    if remote is None:
        return None
    command = shlex.join(["git", "-C", str(directory), "fetch", "--refetch", "--no-filter", remote])
    return RepositoryError(
        "files of git's history are not in this clone, which is partial",
        f"Fetch them: {command}\nIn GitHub Actions, give actions/checkout no `filter`.",
    )


def _find_promisor(directory: Path) -> str | None:
    """Return the remote that promises to have the missing objects; None if there is none."""
    try:
        lines = run_git(directory, *_PROMISOR).decode("utf-8", "replace").splitlines()
    except (GitCommandError, RepositoryError):
        return None
    remotes = [line.removesuffix(" true") for line in lines if line.endswith(" true")]
    return remotes[0].removeprefix("remote.").removesuffix(".promisor") if remotes else None
