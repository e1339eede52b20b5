"""What a tenant of a fleet keeps in its own folder, and a plain desired state next to it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from reconciler.desired.directory import Directory

_HIDDEN = ".reconciler"


def is_tenant(state: Path) -> bool:
    """Whether `state` is a tenant of a fleet, or may be one: fleet.yaml or tenant.yaml has an error."""
    try:
        return _is_tenant(state.absolute())
    except FileNotFoundError:  # the working directory is gone, and so is what is relative to it
        return False


@lru_cache(maxsize=256)
def _is_tenant(state: Path) -> bool:
    """A command asks several times, and the answer is the same as long as it runs."""
    directory = Directory(state)
    return directory.place is not None or directory.layers_unknown


def find_private_folder(state: Path) -> Path:
    """Return the hidden folder for what is not of the desired state: the sandbox, its record, the parse cache.

    Tenants share the folder that they are in, so each has its own.
    """
    return (state if is_tenant(state) else state.parent) / _HIDDEN


def find_plans(state: Path, plans: Path, default: Path) -> Path:
    """Return the directory of plans and receipts: that of a tenant is in its folder unless another one is named."""
    return state / default if plans == default and is_tenant(state) else plans
