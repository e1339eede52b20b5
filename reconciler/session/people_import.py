"""What `import entra` and `import csv` share after the read: merge, guard, validate, show, write.

Files only: never git, never the target. Nothing is written unless the result is valid and within the limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.errors import ExitCode
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace
from reconciler.sources.import_plan import MergeRules
from reconciler.sources.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PeopleImportOptions:
    """The options that all imports share.

    `command`: as typed, such as `import entra`, for messages. `check`: write nothing, exit 2 if files would change;
    `dry_run`: the same with exit 0. `approve`: the id of the removals that may exceed `guards.removals`, as a blocked
    import prints it. `other_files`: new contents of further files by name, such as mappings.yaml, that belong to the
    same import. `what_else`: a line for each of them, for readers.
    """

    command: str
    format: str = "text"
    dry_run: bool = False
    check: bool = False
    approve: str | None = None
    other_files: Mapping[str, bytes] = field(default_factory=dict)
    what_else: tuple[str, ...] = ()


def import_people(
    workspace: Workspace, snapshot: Snapshot, rules: MergeRules, options: PeopleImportOptions, terminal: Terminal
) -> ExitCode:
    """Merge a complete snapshot into the files of the desired state, show the change and write it.

    The exit code: 0 done or nothing to do, 1 the result would be invalid, 2 files would change (`check`), 3 blocked by
    `guards.removals`, 5 some people could not be imported, the others were.

    Raises `UsageError` for options that do not go together, and `ReconcilerError` if the files cannot be edited.
    """
    raise NotImplementedError
