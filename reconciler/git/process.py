"""Run git so that no code of a repository runs and no environment variable redirects it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import shorten
from reconciler.errors import RepositoryError

_MAX_OUTPUT = 64 * 1024
_PIECE = 1024 * 1024
_SECONDS = 120
_DROPPED = (
    *("GIT_", "GITHUB_TOKEN", "RECONCILER_", "SSH_ASKPASS"),
    # Keys of TLS connections, which decrypt the token, and authorities that vouch for any server.
    *("SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
)
_TRACES = ("GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF")
"""Set to 0: git's global configuration can write settings and variables, and so the token, to a file (trace2.*)."""
GIT_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    # Files of a desired state can look like a repository with its own configuration.
    *("-c", "safe.bareRepository=explicit"),
)


class GitCommandError(Exception):
    """git exited with an error; the message is the one it printed."""


def run_git(
    directory: Path,
    *arguments: str,
    stdin: bytes = b"",
    limit: int = _MAX_OUTPUT,
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """Run git in `directory` and return its output, at most `limit` bytes.

    `stdin`: its input. `variables`: environment variables added to those of `build_git_environment`.

    Raises `GitCommandError` with git's message if it fails, `RepositoryError` if it cannot be run, is killed, takes
    longer than two minutes or writes more than `limit`.
    """
    command = ["git", *GIT_OPTIONS, "-C", str(directory.resolve()), *arguments]
    environment = {**build_git_environment(), **(variables or {})}
    with tempfile.TemporaryFile() as input_file, tempfile.TemporaryFile() as error_file:
        input_file.write(stdin)
        input_file.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and nothing in `arguments` begins like a flag
                command, stdin=input_file, stdout=subprocess.PIPE, stderr=error_file, env=environment, process_group=0
            )
        except OSError as exc:
            raise RepositoryError(f"git cannot be run: {describe_os_error(exc)}", advise(exc, "Install git.")) from exc
        except ValueError as exc:
            raise RepositoryError(f"git cannot be run: {exc}", "Install git.") from exc
        output = _read_output(process, limit)
        error_file.seek(0)
        errors = error_file.read(_MAX_OUTPUT).decode("utf-8", "replace").strip()
    if process.returncode < 0:
        raise RepositoryError(f"git was killed, after at most {_SECONDS} seconds", "Try again.")
    if process.returncode:
        fatal = [line for line in errors.splitlines() if line.startswith("fatal: ")] or [errors]
        raise GitCommandError(shorten(fatal[0].removeprefix("fatal: ")) or "git printed no message")
    return output


def _read_output(process: subprocess.Popen[bytes], limit: int) -> bytes:
    """Return everything the process writes; kill it if that is too much or takes too long."""
    timer = threading.Timer(_SECONDS, _kill, (process,))
    output = bytearray()
    try:
        timer.start()
        # In pieces: one read of `limit` bytes takes that much memory, however little there is to read.
        while process.stdout and (piece := process.stdout.read(_PIECE)):
            output += piece
            if len(output) > limit:
                raise RepositoryError(
                    "the repository holds more than can be read", "Check that it is the right commit."
                )
        process.wait()
        return bytes(output)
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and what it started: a wrapper's child would keep the pipe open. Until `wait`, the id is git's own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses the group of a zombie
            os.killpg(process.pid, signal.SIGKILL)


def build_git_environment() -> dict[str, str]:
    """Return our environment without secrets and without what redirects git or makes it fetch or run something."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)},
        **dict.fromkeys(_TRACES, "0"),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }
