"""The installed command as a process, with its own directory and environment."""

from __future__ import annotations

import contextlib
import functools
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import typer

from support.servers.fake_scim import FakeScimServer
from support.servers.patching import User
from support.servers.users import make_user
from support.workspace import CommandResult, Workspace, source
from support.workspace import run as run_here

COMMAND = Path(sys.executable).parent / "reconciler"
TOKEN = "tok-3n.J9x_Zq~Vb7/R+w=="
NOW = ("--now", "2026-12-01T08:00:00Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def coverage_environment() -> dict[str, str]:
    """Return the variables that make coverage measure a subprocess; empty if the tests run without it."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


class CommandWorkspace(Workspace):
    """A workspace on a fake server, for processes (`start`, `command`) and for runs in this process (`run`)."""

    def __init__(self, root: Path, service: FakeScimServer, patch: pytest.MonkeyPatch) -> None:
        super().__init__(root, service.base_url, service.token, patch)
        self.service = service
        self.environment = {
            **coverage_environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "RECONCILER_TOKEN": service.token,
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        }

    def run(self, command: str, *arguments: str) -> CommandResult:
        """Run a command in this process, as `Workspace.run`."""
        line = ["reconciler", command, *arguments]
        if command not in ("show", "schema"):
            line += ["--state", str(self.state)]
        if command in ("plan", "apply"):
            line += ["--plans", str(self.plans)]
        return run(line)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command in the workspace's directory; `env` is added to the environment."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [COMMAND, *arguments], cwd=self.root, env={**self.environment, **(env or {})}, **{**pipes, **options}
        )

    def command(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> CommandResult:
        """Run the command to its end."""
        return wait_for_exit(self.start(*arguments, env=env, **options))

    def saved(self, name: str = "plan.json", *arguments: str) -> Path:
        """Save a plan in this process and return its file."""
        file = self.root / name
        self.run("plan", "-o", str(file), *arguments)
        assert file.is_file()
        return file

    def receipts(self) -> list[Path]:
        return sorted(self.plans.glob("*/receipt.jsonl"))


OpenCommandWorkspace = Callable[..., CommandWorkspace]
"""Starts a fake server with these users and faults, and returns a workspace that targets it."""


def run(line: list[str]) -> CommandResult:
    """Run a command line in this process."""
    with mock.patch.object(typer.main, "get_command", _built):
        return run_here(line)


# Typer builds all commands again for each call, a third of the time of a small plan.
_built = functools.cache(typer.main.get_command)


def wait_for_exit(process: subprocess.Popen[bytes], seconds: float = 60) -> CommandResult:
    """Wait for the process and return its result. Its output must be UTF-8."""
    out, err = process.communicate(timeout=seconds)
    return CommandResult(process.returncode, (out or b"").decode(), (err or b"").decode())


def sample_users(size: int, **overrides: Any) -> tuple[list[User], list[dict[str, Any]]]:
    """Return live users with fixed ids, and their source users; `overrides` go to the latter."""
    live = [make_user(number, id=f"id-{number}") for number in range(size)]
    return live, [source(user, **overrides) for user in live]


def messages(text: str) -> list[str]:
    """Return the lines of `text` that are not blank."""
    return [line for line in text.splitlines() if line.strip()]


def stable(text: str) -> str:
    """Replace what differs from run to run: the service's port, plan ids and times."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:ID", text)
    text = re.sub(r"(plans/\d{4}-\d\d-\d\d)-[0-9a-f]{12}", r"\1-ID", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", "TIME", text)


def assert_harmless(text: str) -> None:
    """Assert that `text` has no control character and no workflow command."""
    found = _CONTROL.search(text)
    assert found is None, repr(text[max(0, found.start() - 40) : found.end() + 40])
    # The runner trims a line before it looks for `::`, and finds `##[` anywhere in it.
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
    assert re.findall(r".{,20}##\[.{,20}", text) == []


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.005)


def wait_for_group_end(process: subprocess.Popen[bytes]) -> None:
    """Wait until no process is left of the group that `process` was started as the leader of."""

    def is_gone() -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(is_gone)


class ListeningPort:
    """A local port that accepts connections and never answers."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_server((host, 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"

    def heard(self) -> bool:
        """Return whether a client connected."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._socket.close()


class Screen:
    """A terminal for a process, and its output so far."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self._seen = b""

    def read(self, seconds: float = 30, until: bytes | None = None) -> str:
        """Return everything written so far, after `until` or the end of the processes that write."""
        deadline = time.monotonic() + seconds
        while until is None or until not in self._seen:
            left = deadline - time.monotonic()
            assert left > 0, f"no {until!r} in {self._seen!r}"
            if not select.select([self.master], [], [], left)[0]:
                continue
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not piece:
                break
            self._seen += piece
        return self._seen.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close_slave(self) -> None:
        """Close this side once the process has it, so that its end is seen."""
        os.close(self.slave)

    def close(self) -> None:
        os.close(self.master)


@contextlib.contextmanager
def screen() -> Iterator[Screen]:
    opened = Screen()
    try:
        yield opened
    finally:
        opened.close()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)


def all_bytes(root: Path, texts: Iterable[str]) -> bytes:
    """Return every byte of every file below `root`, of file names and of `texts`."""
    parts = [text.encode() for text in texts]
    for path in sorted(root.rglob("*")):
        parts.append(str(path).encode())
        if path.is_file() and not path.is_symlink():
            parts.append(path.read_bytes())
    return b"\n".join(parts)
