"""Files whose absence changes every user, and that the last apply still had."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import Diagnostic, warning
from reconciler.desired.layout import FOLDERS, TOP_FILES
from reconciler.errors import LostFileError
from reconciler.git.index import confirms_deletion
from reconciler.git.repository import has_file

_WITHOUT = {"scope.yaml": "every user is in scope", "mappings.yaml": "the mappings are those of the profile"}
_MEANT = {
    "scope.yaml": "write `sync: all` to scope.yaml, which is the same",
    "mappings.yaml": "write the mappings that you want to mappings.yaml",
}


@dataclass(frozen=True, slots=True)
class LastApply:
    """What is on record of the last apply: the commit that was checked out, and the files at the top level."""

    commit: str | None = None
    files: Collection[str] = ()


def find_lost_files(
    state: Path, files: Collection[str], last: LastApply, *, strict: bool = True
) -> Iterator[Diagnostic]:
    """Yield a warning for each file that the last apply had and that is not among `files`.

    If git does not show that it was deleted on purpose, it may be lost. Raises `LostFileError` then, if `strict`.
    """
    for name, effect in _WITHOUT.items():
        if name in files:
            continue
        commit = last.commit if last.commit is not None and has_file(state, last.commit, name) else None
        if commit is None and name not in last.files:
            continue
        known = f" (commit {commit[:12]})" if commit is not None else ""
        summary = f"{name} is missing, but the last apply had it{known}: without it {effect}"
        if strict and not confirms_deletion(state, name, (*TOP_FILES, *FOLDERS), commit):
            raise LostFileError(f"{summary}, and git does not show that it was removed", _explain(state, name))
        yield warning(summary, _explain_restoring(state, name, commit))


def _explain_restoring(state: Path, name: str, commit: str | None) -> str:
    if commit is None:
        return f"Its commits: {shlex.join(('git', '-C', str(state), 'log', '--', name))}"
    return f"To restore it: {shlex.join(('git', '-C', str(state), 'checkout', commit[:12], '--', name))}"


def _explain(state: Path, name: str) -> str:
    deepen = shlex.join(("git", "-C", str(state), "fetch", "--unshallow"))
    return (
        f"Nothing was planned. Restore {state / name}. If it was removed on purpose, {_MEANT[name]}.\n"
        f"If this is a shallow clone, its history may show the removal: {deepen}"
    )
