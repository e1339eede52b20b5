"""A pull request of the sample company: its plan on a terminal, as a comment and as a page."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from support.git_repository import GitRepository
from support.workspace import run

SAMPLE = Path(__file__).parents[3] / "desired-state"
NOW = ("--now", "2026-12-01T08:00:00Z")
PLAN = ("reconciler", "plan", "--sandbox", *NOW)
BEFORE: Mapping[str, tuple[str, str]] = {
    "users/engineering.yaml": (
        "jobTitle: Product Manager\n  department: Engineering",
        "jobTitle: Product Manager\n  department: Product",
    ),
    "users/it.yaml": ("  accountEnabled: false  # left 2026-11-13, laptop returned\n", ""),
    "users/sales-emea.yaml": ("surname: van der Berg", "surname: van den Berg"),
}
"""What the pull request changes: file -> the text that it writes, and the text that was there."""


class _TerminalText(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def isolate(root: Path) -> Iterator[None]:
    """Work in `root`, without the variables of a job of CI: it has addresses of its own, which comments link to."""
    variables = {"COLUMNS": "96", "XDG_STATE_HOME": str(root / "state-home"), "TERM": "xterm", "NO_COLOR": ""}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI", "RECONCILER_"))}
    with contextlib.chdir(root), mock.patch.dict(os.environ, {**kept, **variables}, clear=True):
        yield


@contextlib.contextmanager
def open_pull_request(root: Path) -> Iterator[None]:
    """Make the company in the empty directory `root`; all is applied but the pull request that is checked out."""
    shutil.copytree(SAMPLE, root / "desired-state")
    after = {f"desired-state/{name}": (root / "desired-state" / name).read_text("utf-8") for name in BEFORE}
    before = {name: text.replace(*BEFORE[name.partition("/")[2]], 1) for name, text in after.items()}
    assert all(before[name] != after[name] for name in after), "the sample has changed: adapt BEFORE"
    repository = GitRepository(root)
    with isolate(root):
        repository.commit("Begin", before)
        applied = run(["reconciler", "apply", "--sandbox", "--auto-approve", "-q", *NOW])
        assert applied.code == 0, applied.err
        repository.git("switch", "--quiet", "--create", "december")
        repository.commit("Move Amrita, correct Anouk's name, Ludger left", after)
        yield


def print_on_terminal(*arguments: str) -> str:
    """Return what a command prints on a terminal, with its colours."""
    shown = _TerminalText()
    with mock.patch("support.workspace.io.StringIO", side_effect=[shown, io.StringIO()]):
        answer = run(list(arguments))
    assert answer.code == 0, answer.err
    return answer.out


def print_plan(*arguments: str) -> str:
    """Return the plan of the pull request as a document."""
    answer = run([*PLAN, "--base", "main", *arguments])
    assert answer.code == 0, answer.err
    return answer.out
