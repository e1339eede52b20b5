"""A git repository around a workspace's directory, independent of the machine's git configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SAFE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
WHO = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false")


class GitRepository:
    """A repository with one branch, `main`, until told otherwise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        """What git says."""
        command = ["git", "-C", str(self.root), *WHO, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | SAFE
        ran = subprocess.run(command, env=environment, input=given, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode().strip()

    def commit(self, message: str = "edit", *paths: str) -> str:
        """Commits everything (or `paths`) and gives the commit."""
        self.git("add", "--all", "--", *(paths or (".",)))
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def tree(self, *entries: str) -> str:
        """A tree of `mode type oid TAB name` lines, as hostile as they are."""
        return self.git("mktree", "--missing", "-z", given="".join(f"{entry}\0" for entry in entries).encode())

    def raw(self, kind: str, content: bytes) -> str:
        """An object that git itself would not make."""
        return self.git("hash-object", "-w", "-t", kind, "--literally", "--stdin", given=content)

    def blob(self, content: bytes = b"") -> str:
        """A blob."""
        return self.raw("blob", content)
