"""A fleet in a repository on a server, and clones of it: for steps that fetch and push its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.fleets import SETTINGS, SMALL, write_files
from support.git_repository import GitRepository
from support.servers.git_http import GitServer
from support.servers.github_api import REPOSITORY, Token

BRANCH = "kept"


class FleetServer:
    """The repository, with `record.branch` in its defaults."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.origin = GitRepository(root / "origin", ".")
        settings = f"{SETTINGS.rstrip()}\n    record: {{branch: {BRANCH}}}\n"
        write_files(self.origin.root, {**SMALL, "defaults/settings.yaml": settings})
        self.origin.commit("Fleet")
        self.server = GitServer(self.origin.root, lambda: {"t": Token(permissions={"contents": "write"})})

    def clone(self, name: str) -> Path:
        self.origin.git("clone", "--quiet", "--no-local", f"file://{self.origin.root}", str(self.root / name))
        return self.root / name

    def on_branch(self) -> list[str]:
        return self.origin.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()


@contextmanager
def serve_fleet(root: Path, patch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    """Serve a fleet, with the variables of a runner set."""
    made = FleetServer(root)
    environment = {
        "GITHUB_SERVER_URL": made.server.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": "t",
        "GITHUB_RUN_ID": "77",
        "GITHUB_SHA": "a" * 40,
        "GITHUB_OUTPUT": str(root / "outputs"),
        "HOME": str(root),
    }
    for name, value in environment.items():
        patch.setenv(name, value)
    yield made
    made.server.close()
