"""Draft the files of an import: entries are edited in place, every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.sources.import_plan import ImportPlan
from reconciler.sources.state_files import StateFiles


def draft_files(files: StateFiles, plan: ImportPlan) -> dict[str, bytes | None]:
    """Return the new contents of the files that change, by name. Nothing is written.

    Raises `SourceError` with file and line if a file cannot be edited without a change to its other entries.
    """
    raise NotImplementedError


def write_files(files: StateFiles, changed: Mapping[str, bytes | None]) -> None:
    """Write drafted files, each as a whole or not at all.

    Raises `SourceError`, before the first write, if a file is a link, leaves the desired state, or is not as it was
    read; afterwards with the names of the files that were written.
    """
    raise NotImplementedError
