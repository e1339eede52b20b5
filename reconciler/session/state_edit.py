"""Edits of the desired state: checked before they are written, and shown as a difference."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, escape_line
from reconciler.desired.loader import BrokenState, CheckedState, DesiredState, check
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.errors import ReconcilerError
from reconciler.record.files import write_text
from reconciler.session.layered_files import copy_state
from reconciler.session.workspace import Workspace

Contents = Mapping[str, bytes | None]
"""Contents of files by name in the desired state; None: there is no such file."""


def refuse_uncommitted(state: Path, committed: Contents, wanted: Contents) -> None:
    """Raise `ReconcilerError` if a file is neither as committed nor as `wanted`, or is reached through a link."""
    dirty = []
    for name, content in sorted(committed.items()):
        path = state / name
        if any(parent.is_symlink() for parent in [path, *path.parents][: len(Path(name).parts)]):
            raise ReconcilerError(f"{name} is reached through a link", "Nothing was written. Edit it manually.")
        here = path.read_bytes() if path.is_file() else None
        if here not in (content, wanted[name]):
            dirty.append(name)
    if dirty:
        names = ", ".join(escape_control(name) for name in dirty)
        raise ReconcilerError(f"not as committed: {names}", "Nothing was written. Commit or stash these edits first.")


def find_new_errors(
    workspace: Workspace, changed: Contents, after: DesiredState | CheckedState | BrokenState | None = None
) -> list[Diagnostic]:
    """Return the errors that the desired state would have after the edit, and does not have now.

    `after`: the edited state, if it is loaded already.
    """
    found = _list_errors(after or check_edited(workspace, changed))
    known = _list_errors(check(workspace.state, workspace.now)) if found else []
    names = {(item.summary, item.address) for item in known}
    return [item for item in found if (item.summary, item.address) not in names]


def check_edited(
    workspace: Workspace, changed: Contents, watch: Callable[[str, YamlMapping], None] | None = None
) -> CheckedState | BrokenState:
    """Check the desired state as it would be after the edit, in a copy. Raises as `write_contents`.

    `watch`: called with the file and each entry of a user when it is read.
    """
    with edited_copy(workspace.state, changed) as copy:
        return check(copy, workspace.now, watch)


@contextmanager
def edited_copy(state: Path, changed: Contents) -> Iterator[Path]:
    """Yield a copy of the desired state with the edit made. Raises as `write_contents`."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
        copy = copy_state(state, Path(scratch))
        write_contents(copy, changed)
        yield copy


def _list_errors(state: DesiredState | CheckedState | BrokenState) -> list[Diagnostic]:
    return [item for item in state.diagnostics if item.severity is Severity.ERROR]


def write_contents(state: Path, changed: Contents) -> None:
    """Write the contents. Raises `ReconcilerError` if one is not UTF-8."""
    for name, content in changed.items():
        path = state / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, _decode(name, content))


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ReconcilerError(f"{name}, as it was then, is not UTF-8 text", "Nothing was written.") from exc


def diff_contents(before: Contents, changed: Contents) -> str:
    """Return the edit as a unified diff that is safe to print."""
    lines = []
    for name, content in sorted(changed.items()):
        old, new = ((side or b"").decode("utf-8", "replace").splitlines() for side in (before[name], content))
        lines += [escape_line(each) for each in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")]
    return "\n".join([*lines, ""])
