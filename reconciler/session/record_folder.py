"""Where the record of a desired state is on the record branch: a tenant of a fleet has a folder of its own there."""

from __future__ import annotations

from pathlib import Path

from reconciler.desired.directory import Directory
from reconciler.record.branch import FOLDER


def find_record_folder(state: Path) -> str:
    """Return the folder of the branch: `plans`, or for a tenant such as `tenants/acme/plans`."""
    if Directory(state).place is None:
        return FOLDER
    here = state.resolve()
    return f"{here.parent.name}/{here.name}/{FOLDER}"
