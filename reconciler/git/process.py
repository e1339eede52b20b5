"""git, run so that nothing of a repository runs with it and nothing of the environment leads it elsewhere."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.text import shorten
from reconciler.errors import RepositoryError

_MAX_ANSWER = 64 * 1024
_SECONDS = 120
_DROPPED = ("GIT_", "GITHUB_TOKEN", "RECONCILER_", "SSH_ASKPASS")
GIT_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    # Files of a desired state can look like a repository, with a configuration of their own.
    *("-c", "safe.bareRepository=explicit"),
)


class GitCommandError(Exception):
    """git ended with a fault; its words are the message."""


def run_git(
    directory: Path,
    *arguments: str,
    given: bytes = b"",
    limit: int = _MAX_ANSWER,
    more: Mapping[str, str] | None = None,
) -> bytes:
    """What git says, at most `limit` bytes; raises `GitCommandError` with its complaint.

    `more`: variables of its environment beside those of `build_git_environment`.
    """
    command = ["git", *GIT_OPTIONS, "-C", str(directory.resolve()), *arguments]
    environment = {**build_git_environment(), **(more or {})}
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write(given)
        asked.seek(0)
        try:
            running = subprocess.Popen(  # noqa: S603 - no shell, and nothing in `arguments` begins like a flag
                command, stdin=asked, stdout=subprocess.PIPE, stderr=complaints, env=environment
            )
        except (OSError, ValueError) as exc:
            raise RepositoryError(f"git cannot be run: {exc}", "Install git.") from exc
        answer = _answer(running, limit)
        complaints.seek(0)
        said = complaints.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
    if running.returncode < 0:
        raise RepositoryError(f"git was ended, after at most {_SECONDS} seconds", "Try again.")
    if running.returncode:
        fatal = [line for line in said.splitlines() if line.startswith("fatal: ")] or [said]
        raise GitCommandError(shorten(fatal[0].removeprefix("fatal: ")) or "git says nothing more")
    return answer


def _answer(running: subprocess.Popen[bytes], limit: int) -> bytes:
    """All it writes; it is ended when that is too much, or takes too long."""
    timer = threading.Timer(_SECONDS, running.kill)
    timer.start()
    try:
        answer = running.stdout.read(limit + 1) if running.stdout else b""
        if len(answer) > limit:
            raise RepositoryError("the repository answers with more than can be read", "Is it the right commit?")
        running.wait()
        return answer
    finally:
        timer.cancel()
        running.kill()
        running.wait()
        if running.stdout:
            running.stdout.close()


def build_git_environment() -> dict[str, str]:
    """Ours, without any secret and without anything that points git elsewhere, fetches or runs something."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)},
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }
