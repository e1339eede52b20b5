"""A real git repository in a test's directory, with fixed authors and times: the same ids in every run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_FIRST_COMMIT = 1_772_000_000
_ISOLATED = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}


class GitRepository:
    """Commits one minute apart, on `main`, of what is below `tracked`."""

    def __init__(self, root: Path, tracked: str = "desired-state") -> None:
        self.root = root
        self._tracked = tracked
        self._time = _FIRST_COMMIT
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, author: str = "Grace Hopper <grace@example.com>", stdin: str | bytes = b"") -> str:
        """Run git in the repository and return its output, without white space at the ends."""
        name, _, email = author.partition(" <")
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", email.rstrip(">")), ("DATE", f"{self._time} +0000"))
        }
        completed = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), **_ISOLATED, **identity},
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr.decode()
        return completed.stdout.decode().strip()

    def commit(
        self,
        subject: str,
        files: Mapping[str, str | None] | None = None,
        author: str = "Grace Hopper <grace@example.com>",
        tracked: str | None = None,
    ) -> str:
        """Write `files` (None: remove), commit everything below `tracked` and return the commit id."""
        for name, text in (files or {}).items():
            path = self.root / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8", newline="")
        self._time += 60
        self.git("add", "--all", "--", tracked or self._tracked, author=author)
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "-F", "-", author=author, stdin=subject)
        return self.head()

    def merge(self, branch: str, subject: str, author: str = "Alan Turing <alan@example.com>") -> str:
        """Merge `branch` with a merge commit."""
        self._time += 60
        self.git("merge", "--quiet", "--no-ff", "-m", subject, branch, author=author)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    # --- objects that git would refuse to make --------------------------------

    def write_tree(self, *entries: str) -> str:
        """Write a tree of `mode type oid TAB name` lines, without checks, and return its id."""
        return self.git("mktree", "--missing", "-z", stdin="".join(f"{entry}\0" for entry in entries))

    def write_object(self, kind: str, content: bytes) -> str:
        """Write an object as it is, malformed or not, and return its id."""
        return self.git("hash-object", "-w", "-t", kind, "--literally", "--stdin", stdin=content)

    def write_blob(self, content: bytes = b"") -> str:
        """Write a blob and return its id."""
        return self.write_object("blob", content)
