"""Files of the desired state that git tracks and that were not read as git has them.

Their users would look removed, and without scope.yaml every user is in scope: absence is never removal.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, Severity, error, warning
from reconciler.core.text import format_names, pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.layers import describe_lost, is_layer, list_tracked_names
from reconciler.desired.layout import TENANT_FILE, TOP_FILES, is_yaml, list_parts, suggest_name
from reconciler.errors import RepositoryError
from reconciler.git.checkout import find_lock
from reconciler.git.cut_files import find_cut_files
from reconciler.git.index import FileState, find_differences

_WITHOUT = {
    "scope.yaml": "Without scope.yaml every user is in scope.",
    "mappings.yaml": "Without mappings.yaml the mappings are those of the profile.",
}
_RESTORE = "`git checkout -- FILE` restores what git has; `git rm -- FILE` removes it for good."
_RESTORE_SKIPPED = (
    "`git sparse-checkout disable` restores all that a sparse checkout left out. To restore only these files, run "
    "`git update-index --no-skip-worktree -- FILE`, then `git checkout -- FILE`. `git rm --sparse -- FILE` removes "
    "them for good."
)
_LOOK = (
    "Remove the marks: `git update-index --no-skip-worktree -- FILE`, then `git update-index --no-assume-unchanged -- "
    "FILE`. Then compare: `git diff -- FILE`."
)
_RESOLVE = "Resolve it, then `git add -- FILE`, or `git rm -- FILE`."
_MAX_NAMED = 5
"""Files that commands name; of more, the user puts in the names."""
_NO_REMOVALS = "Their users would look removed, so no account is deactivated or deleted."
_UNSEEN = {
    FileState.MISSING: ("file", "in git's index, but not in the work tree", _RESTORE),
    FileState.SKIPPED: ("file", "in git's index, but not in the work tree (skip-worktree)", _RESTORE_SKIPPED),
    FileState.OUTDATED: ("file", "different from git's index, and marked skip-worktree or assume-unchanged", _LOOK),
    FileState.SUBMODULE: (
        "folder",
        "not in this repository (a submodule)",
        "Put the files themselves into this repository.",
    ),
}


def check_work_tree(directory: Directory) -> str | None:
    """Return why users may be missing in the files that were read; None if none can be. Reports what git knows.

    Outside of git nothing is reported.
    """
    if not directory.root.is_dir():
        return None  # reported
    lock = find_lock(directory.root)
    try:
        # With an error, which is reported, not all files were read.
        read = None if directory.unread else directory.digests
        names = list_tracked_names(directory.root, directory.place)
        found = find_differences(directory.root, names, read)
        cut = find_cut_files(directory.root, names, directory.open_ended)
        found = {os.fsencode(name).decode("utf-8", "replace"): state for name, state in found.items()}
    except RepositoryError as exc:
        return _report_unknown(directory, exc)
    for name, line in cut.items():
        directory.mark_unread(name)
        directory.report(_describe_cut(name, line, directory.root))
    unseen: dict[FileState, list[str]] = {}
    reported = _list_reported(directory) if found else frozenset()
    for name, state in found.items():
        if state is FileState.UNMERGED or name in (*TOP_FILES, TENANT_FILE) or is_layer(name):
            if name not in reported:
                directory.report(_describe_error(name, state, directory.root))
        elif is_yaml(name) or state is FileState.SUBMODULE:
            unseen.setdefault(state, []).append(name)
            directory.unseen.update(list_parts(name))
    reasons = [_report_unseen(names, state, directory) for state, names in unseen.items()]
    if lock is not None:
        reasons.append(_report_lock(lock, directory))
    return " and ".join(reasons) or None


def _report_unknown(directory: Directory, exc: RepositoryError) -> str:
    """Report that git cannot tell which files belong here, and return this as a reason.

    It is an error if a file of the top level is missing: git may have one, and what it says decides about every user.
    """
    missing = [name for name in TOP_FILES if not os.path.lexists(directory.root / name)]
    reported = _list_reported(directory) if missing else frozenset()
    missing = [name for name in missing if name not in reported]
    if missing:
        verb, pronoun = ("is", "it") if len(missing) == 1 else ("are", "they")
        names = " and ".join(missing)
        summary = f"{names} {verb} not in the work tree, and git cannot determine whether {pronoun} should be"
        effects = " ".join(_WITHOUT[name] for name in missing if name in _WITHOUT)
        restore = " and ".join(_format_commands("`git checkout -- FILE`", directory.root, [name]) for name in missing)
        restores = "restores it, if git has it" if len(missing) == 1 else "restore those that git has"
        then = f"Then run the same command again: what git does not have is no error then. {restore} {restores}."
        directory.report(error(f"{summary}: {exc.summary}", f"{effects} {exc.detail} {then}".strip()))
    else:
        summary = f"cannot determine whether all files of the desired state are in the work tree: {exc.summary}"
        directory.report(warning(summary, f"{exc.detail} Until then no account is deactivated or deleted."))
    return "git cannot determine whether all files of the desired state are in the work tree"


def _report_lock(lock: Path, directory: Directory) -> str:
    """Report that git may be writing to the work tree, and return this as a reason.

    Before it writes the next file, the work tree is that of neither commit, and nothing changes for a moment.
    """
    reason = "git's index is locked: a git command is running, or was interrupted"
    detail = (
        "The files may be those of two commits. A user that was moved from one file to another can be in neither, so "
        "no account is deactivated or deleted. When the git command is finished, run the same command again. If none "
        f"is running, `{shlex.join(('rm', '-f', '--', str(lock)))}` removes the lock; then look at "
        f"`{shlex.join(('git', '-C', str(directory.root), 'status'))}`."
    )
    directory.report(warning(reason, detail))
    return reason


def _describe_cut(name: str, line: int, root: Path) -> Diagnostic:
    """Return the error for a file that ends inside a line of what git has."""
    path = shlex.quote(str(root / name))
    restore = shlex.join(("git", "-C", str(root), "checkout", "--", name))
    detail = (
        f"If the rest was lost, `{restore}` restores it. If it was removed on purpose, end the last line with a line "
        f"break: `echo >> {path}`."
    )
    return error("the file is cut off: git's index has more of its last line", detail, Origin(name, line, 1))


def _describe_error(name: str, state: FileState, root: Path) -> Diagnostic:
    """Return the error for a missing or unmerged file that planning needs."""
    if state is FileState.MISSING and is_layer(name):
        return describe_lost(root, name)
    if state is FileState.UNMERGED:
        summary, detail = "an unresolved merge conflict in git's index", _RESOLVE
    elif state in (FileState.MISSING, FileState.SKIPPED):
        restore = _RESTORE if state is FileState.MISSING else _RESTORE_SKIPPED
        summary, detail = f"{name} is in git's index, but not in the work tree", f"{_WITHOUT.get(name, '')} {restore}"
    else:
        summary, detail = "different from git's index, and marked skip-worktree or assume-unchanged", _LOOK
    return error(summary, _format_commands(detail.strip(), root, [name]), Origin(name, 1, 1))


def _format_commands(detail: str, root: Path, names: list[str]) -> str:
    """Return `detail` with git commands that work from anywhere; files are named relative to `root`, as in messages."""
    commands = detail.replace("`git ", f"`git -C {shlex.quote(str(root))} ")
    return commands.replace("FILE", shlex.join(names)) if len(names) <= _MAX_NAMED else commands


def _list_reported(directory: Directory) -> frozenset[str]:
    """Return the files that errors are about, or that a file with an error may be a misspelling of."""
    reported = {
        item.origin.file
        for item in directory.diagnostics
        if item.origin is not None and item.severity is Severity.ERROR
    }
    return frozenset(reported).union(filter(None, map(suggest_name, reported)))


def _report_unseen(names: list[str], state: FileState, directory: Directory) -> str:
    """Report files without which users look removed, and return this as a reason."""
    noun, what, detail = _UNSEEN[state]
    reason = f"{pluralize(len(names), noun)} of the desired state {'is' if len(names) == 1 else 'are'} {what}"
    names = sorted(names)
    commands = _format_commands(detail, directory.root, names)
    directory.report(warning(f"{reason}: {format_names(names)}", f"{commands} {_NO_REMOVALS}"))
    return reason
