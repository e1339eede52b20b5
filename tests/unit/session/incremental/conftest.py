"""A committed tenant that was applied once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.errors import ExitCode


class CommittedTarget:
    """A target workspace in a git repository."""

    def __init__(self, target: TargetWorkspace) -> None:
        self.target = target
        root: Path = target.files.root
        self.git = GitRepository(root)
        (root / ".gitignore").write_text("plans/\nstate-home/\n")

    def desire(self, *people: dict[str, object]) -> None:
        """Write the desired users, and commit them."""
        self.target.desire(*people)
        self.git.commit("Edit")


@pytest.fixture
def committed(target: TargetWorkspace) -> CommittedTarget:
    """Ada and Ben were created by an apply of a commit."""
    found = CommittedTarget(target)
    found.desire(person("ada"), person("ben"))
    assert target.apply() is ExitCode.OK, target.terminal.err
    return found
