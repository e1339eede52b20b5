"""Whether provisioning is on: by the work tree, by a commit, and since when it is off."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from reconciler.core.provisioning import Provisioning
from reconciler.desired.directory import Directory
from reconciler.desired.provisioning import read_provisioning
from reconciler.errors import ReconcilerError, RepositoryError
from reconciler.git.file_versions import list_file_versions
from reconciler.session.layered_files import write_state_at

_SETTINGS = "settings.yaml"
_VERSIONS = 20
"""How many versions of settings.yaml are read to find the one that switched provisioning off."""


def read_provisioning_at(directory: Path, commit: str) -> Provisioning | None:
    """Return whether provisioning is on in a commit; None if its settings cannot be read, which is never on.

    Raises `RepositoryError`.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-settings-") as scratch:
        # The names of other files are enough: none of them is read.
        there = write_state_at(directory, commit, Path(scratch), _is_settings)
        settings = Directory(there).read_settings() if there is not None else None
    return None if settings is None else read_provisioning(settings.value)


def read_provisioning_of_newest(directory: Path, commit: str, unreadable: str) -> Provisioning:
    """Return whether provisioning is on in the newest commit of the branch.

    Raises `ReconcilerError` if its settings cannot be read: `unreadable` is the summary.
    """
    found = read_provisioning_at(directory, commit)
    if found is None:
        raise ReconcilerError(
            unreadable,
            "Nothing is applied as long as it is not known whether provisioning is on. Correct it on the branch.",
        )
    return found


def _is_settings(name: str) -> bool:
    return name == _SETTINGS


def find_time_of_switch(directory: Path) -> datetime | None:
    """Return the time of the commit since which provisioning is off; None if HEAD does not say so, or not which it is.

    If more than a few versions of the settings are off, the oldest of them is taken.
    """
    since = None
    located = Directory(directory).read_settings()
    switch = located.at("provisioning", "enabled") if located is not None else None
    try:
        for version in list_file_versions(directory, switch.file if switch is not None else _SETTINGS, _VERSIONS):
            found = read_provisioning_at(directory, version.commit)
            if found is None or found.enabled:
                break
            since = version.time
    except RepositoryError:
        return None
    return since
