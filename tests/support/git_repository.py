"""A real git repository in a directory of a test, with fixed people and times: the same ids in every run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_FIRST = 1_772_000_000
_CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


class GitRepository:
    """Commits one second apart, on `main`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._time = _FIRST
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str, author: str = "Grace Hopper <grace@example.com>", stdin: str = "") -> str:
        """Runs git there and gives what it says."""
        name, _, email = author.partition(" <")
        who = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", email.rstrip(">")), ("DATE", f"{self._time} +0000"))
        }
        ended = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), **_CLEAN, **who},
            input=stdin.encode(),
            capture_output=True,
            check=True,
        )
        return ended.stdout.decode().strip()

    def commit(
        self,
        subject: str,
        files: Mapping[str, str | None] | None = None,
        author: str = "Grace Hopper <grace@example.com>",
    ) -> str:
        """Writes `files` (None: removed), commits everything in the desired state and gives the id."""
        for name, text in (files or {}).items():
            path = self.root / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8", newline="")
        self._time += 60
        self.git("add", "--all", "desired-state", author=author)
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "-F", "-", author=author, stdin=subject)
        return self.head()

    def merge(self, branch: str, subject: str, author: str = "Alan Turing <alan@example.com>") -> str:
        """Merges with a merge commit."""
        self._time += 60
        self.git("merge", "--quiet", "--no-ff", "-m", subject, branch, author=author)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")
