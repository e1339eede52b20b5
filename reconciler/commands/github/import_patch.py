"""`github import-patch`: what an import changed in the files, for the job that may write to the repository."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.text import pluralize
from reconciler.errors import ExitCode
from reconciler.github.import_patch import make_patch, write_patch
from reconciler.record.files import write_private
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


def run_import_patch(workspace: Workspace, out: Path, terminal: Terminal) -> ExitCode:
    """Save the difference from the commit that is checked out to `out`."""
    patch = make_patch(workspace.state)
    write_private(out, write_patch(patch))
    terminal.note(f"The import changes {pluralize(len(patch.files), 'file')}.")
    return ExitCode.OK
