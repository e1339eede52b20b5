"""The command in a process that kills itself at a given line: forked from a warm one, because tests start many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

_SECONDS = 120
# What is imported once for all: the command, and what this module is imported by.
_WARM = ("pytest", "reconciler.cli", "reconciler.commands.apply", "reconciler.desired.loader", "reconciler.scim.client")


def _ignore(_number: int) -> None:
    """Do nothing."""


def run_killable(
    line: list[str], out: Path, *, on_start: Callable[[int], None] = _ignore, die_at: int | None = None
) -> int:
    """Run the command in a process forked from a warm one and return its exit code, -9 if it was killed.

    `on_start` gets its process id; `die_at` is the line of the receipt after which it kills itself.
    """
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_WARM))
    process: ForkServerProcess = context.Process(target=_child, args=(line, dict(os.environ), out, die_at))
    process.start()
    assert process.pid is not None
    on_start(process.pid)
    process.join(_SECONDS)
    assert process.exitcode is not None, f"{line} hangs"
    return process.exitcode


def _child(line: list[str], environment: dict[str, str], out: Path, die_at: int | None) -> None:
    os.environ.update(environment)
    sys.argv = ["reconciler", *line]
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)
    if die_at is not None:
        os.fsync = _fsync_and_die(die_at)
    from reconciler import cli  # noqa: PLC0415 - only the child needs it

    cli.main()


def _fsync_and_die(at: int) -> Callable[[int], None]:
    """Return an `os.fsync` that kills its process once a receipt has `at` lines: before any request they announce."""
    really = os.fsync

    def fsync(handle: int) -> None:
        really(handle)
        file = Path(f"/proc/self/fd/{handle}").readlink()
        if file.name == "receipt.jsonl" and file.read_bytes().count(b"\n") >= at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    return fsync
