"""What folders are, before their files are read."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.desired.layout import resembles_yaml


def is_link_out_of_repository(root: Path) -> bool:
    """Whether `root` is a link in a work tree to a directory outside of it.

    A pull request could point such a link anywhere on the machine.
    """
    if not root.is_symlink():
        return False
    here = root.parent.resolve()
    tree = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    return tree is not None and not root.resolve().is_relative_to(tree)


def contains_yaml(folder: Path) -> bool:
    """Whether a file below `folder` looks like YAML."""
    return any(resembles_yaml(name) for _, _, names in os.walk(folder) for name in names)
