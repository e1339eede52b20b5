"""Files whose absence changes every user, and that the last apply still had."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.model import Diagnostic, warning
from reconciler.desired.directory import Directory
from reconciler.desired.layers import TenantPlace, is_layer, list_tracked_names
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
    place = Directory(state).place
    for name in _list_candidates(last, place):
        top = name.rpartition("/")[2]
        if name in files:
            continue
        commit = last.commit if last.commit is not None and has_file(state, last.commit, name) else None
        if commit is None and name not in last.files:
            continue
        known = f" (commit {commit[:12]})" if commit is not None else ""
        effect = _WITHOUT[top] if not _has_other(files, top) else "the other layers of the fleet decide"
        summary = f"{name} is missing, but the last apply had it{known}: without it {effect}"
        # A file of a group that the tenant left is where it was: tenant.yaml says so.
        is_left = is_layer(name) and (place is None or name not in place.files)
        if strict and not is_left and not confirms_deletion(state, name, list_tracked_names(state, place), commit):
            raise LostFileError(f"{summary}, and git does not show that it was removed", _explain(state, name))
        yield warning(summary, _explain_restoring(state, name, commit))


def _list_candidates(last: LastApply, place: TenantPlace | None) -> Iterable[str]:
    """Return the files that may be lost: of the directory, of its layers, and of the last apply."""
    layers = (file for name in _WITHOUT for file in (place.list_files(name) if place is not None else ()))
    before = sorted(name for name in last.files if name.rpartition("/")[2] in _WITHOUT)
    return dict.fromkeys((*_WITHOUT, *layers, *before))


def _has_other(files: Collection[str], top: str) -> bool:
    return any(name == top or (is_layer(name) and name.endswith(f"/{top}")) for name in files)


def _explain_restoring(state: Path, name: str, commit: str | None) -> str:
    if commit is None:
        return f"Its commits: {shlex.join(('git', '-C', str(state), 'log', '--', name))}"
    return f"To restore it: {shlex.join(('git', '-C', str(state), 'checkout', commit[:12], '--', name))}"


def _explain(state: Path, name: str) -> str:
    deepen = shlex.join(("git", "-C", str(state), "fetch", "--unshallow"))
    meant = _MEANT[name.rpartition("/")[2]]
    return (
        f"Nothing was planned. Restore {state / name}. If it was removed on purpose, {meant}.\n"
        f"If this is a shallow clone, its history may show the removal: {deepen}"
    )
