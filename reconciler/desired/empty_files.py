"""What to do about an empty file: it looks like removed users, or like settings that are not set."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from reconciler.desired.layout import FOLDERS, TOP_FILES
from reconciler.errors import RepositoryError
from reconciler.git.index import has_digest, list_blobs

Blobs = Mapping[str, str]
"""The ids of files, by name, as git's index has them."""


def list_tracked(root: Path) -> Blobs | None:
    """Return the files of the desired state that git's index has; None if git cannot tell. Empty outside of git."""
    try:
        return list_blobs(root, (*TOP_FILES, *FOLDERS))
    except RepositoryError:
        return None


def describe_way_out(root: Path, name: str, content: bytes, write: str, tracked: Blobs | None) -> str:
    """Return commands that work for the empty file `name`; `write`: what it can have instead of nothing.

    To remove the file is a way out only if git has no more of it: without the users in it, their accounts would go.
    """
    git, file, path = f"git -C {shlex.quote(str(root))}", shlex.quote(name), shlex.quote(str(root / name))
    required = name == "settings.yaml"
    if tracked is None:
        return f"If git has its content, `{git} checkout -- {file}` restores it. Otherwise {write}."
    if name not in tracked:
        first = write[0].upper() + write[1:]
        return f"{first}." if required else f"{first}; `rm -f -- {path}` removes the file."
    if not has_digest(content, tracked[name]):
        return f"If its content was lost, `{git} checkout -- {file}` restores it. Otherwise {write}."
    before = f"git's index has no more of it; `{git} log -p -- {file}` shows what it had in earlier commits."
    ways = f"{write[0].upper()}{write[1:]}"
    return f"{ways}. {before}" if required else f"{ways}, or remove the file: `{git} rm -f -- {file}`. {before}"
