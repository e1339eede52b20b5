"""The error of a command that is run where there is no desired state, and what to do about it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from reconciler.core.model import Diagnostic, error
from reconciler.desired.layout import TOP_FILES

_FOLDER = "desired-state"
_MANY = 100
"""Directories next to the current one that are looked into."""


def describe_missing_state(root: Path) -> Diagnostic:
    """Return the error for a directory of the desired state that does not exist."""
    problem = f"{root} is not a directory" if root.exists() else f"there is no directory {root}"
    found = _find_state()
    if found is not None:
        return error(problem, f"There is a desired state in {found}: add --state {shlex.quote(str(found))}")
    create = "Name the directory of the desired state with --state DIR, or create a repository: reconciler init people"
    return error(problem, create)


def _find_state() -> Path | None:
    """Return a desired state nearby; None without one, or if the current directory is gone."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    return next((path for path in _list_candidates(here) if _is_state(path)), None)


def _is_state(path: Path) -> bool:
    """Whether `path` is a desired state that this user may read."""
    try:
        return (path / TOP_FILES[0]).is_file()
    except OSError:
        return False


def _list_candidates(here: Path) -> Iterator[Path]:
    """Yield where a desired state may be: here, in a parent directory, or in a directory below this one."""
    yield Path()
    for depth, parent in enumerate((here, *here.parents)):
        up = Path(*[os.pardir] * depth)
        yield up / _FOLDER
        if (parent / ".git").exists():
            break
    try:
        names = sorted(islice((entry.name for entry in os.scandir(here) if entry.is_dir()), _MANY))
    except OSError:
        return
    yield from (Path(name) / _FOLDER for name in names)
