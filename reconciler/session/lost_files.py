"""Files whose absence changes every user, and that the last apply still had."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from reconciler.core.model import Diagnostic, warning
from reconciler.git.repository import has_file

_WITHOUT = {"scope.yaml": "every user is in scope", "mappings.yaml": "the mappings are those of the profile"}


def find_lost_files(state: Path, files: Collection[str], last_commit: str | None) -> Iterator[Diagnostic]:
    """Yield a warning for each file that is not among `files` and that `last_commit`, of the last apply, has."""
    for name, effect in _WITHOUT.items():
        if last_commit is not None and name not in files and has_file(state, last_commit, name):
            summary = f"{name} is missing, but the last apply had it (commit {last_commit[:12]}): without it {effect}"
            yield warning(summary, f"To restore it: git checkout {last_commit[:12]} -- {state / name}")
