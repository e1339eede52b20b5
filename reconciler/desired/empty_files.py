"""What to do about an empty file: it looks like removed users, or like settings that are not set."""

from __future__ import annotations

import shlex
from collections.abc import Container
from pathlib import Path

from reconciler.desired.layout import FOLDERS, TOP_FILES
from reconciler.errors import RepositoryError
from reconciler.git.index import list_blobs


def list_tracked(root: Path) -> Container[str] | None:
    """Return the files of the desired state that git's index has; None if git cannot tell. Empty outside of git."""
    try:
        return frozenset(list_blobs(root, (*TOP_FILES, *FOLDERS)))
    except RepositoryError:
        return None


def describe_way_out(root: Path, name: str, write: str, tracked: Container[str] | None) -> str:
    """Return commands that work for the empty file `name`; `write`: what it can have instead of nothing."""
    git, file, path = f"git -C {shlex.quote(str(root))}", shlex.quote(name), shlex.quote(str(root / name))
    restores = f"If its content was lost, `{git} checkout -- {file}` restores it. Otherwise {write}"
    if tracked is None:
        restores = f"If git has its content, `{git} checkout -- {file}` restores it. Otherwise {write}"
    elif name not in tracked:
        restores = write[0].upper() + write[1:]
    if name == "settings.yaml":  # required
        return f"{restores}."
    removes = f"{git} rm -f -- {file}" if tracked and name in tracked else f"rm -f -- {path}"
    return f"{restores}; `{removes}` removes the file."
