"""A fork server whose tenants do what their names say, for tests of the processes alone."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.core.model import error
from reconciler.errors import BlockedError, TargetError
from reconciler.fleet.result import TenantResult
from reconciler.profiles import PROFILES
from reconciler.record.layout import RESULT
from reconciler.session.connection import Connection, connect
from reconciler.session.fleet.fork_server import serve
from reconciler.session.fleet.task import TenantTask, save_result
from reconciler.session.fleet.tenant_terminal import TenantTerminal

PROGRAM = "support.fleet_program"


def main(handle: int, parent: int) -> None:
    """Serve. The system refuses a process to tenants of a certain name."""
    fork, refused = os.fork, [False]

    def prepare(task: TenantTask) -> None:
        refused[0] = task.tenant.startswith("unforkable")

    def fork_or_refuse() -> int:
        if refused[0]:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = fork_or_refuse
    serve(handle, parent, _run, prepare)


def make_task(out: Path, tenant: str, verb: str = "plan") -> TenantTask:
    return TenantTask(tenant=tenant, verb=verb, state="/", out=str(out / tenant), commit="c" * 40, run="7/1")


def make_result(task: TenantTask, exit_code: int) -> TenantResult:
    return TenantResult(
        task.tenant, task.verb, task.commit, task.run, exit_code, sandbox=task.sandbox, began=task.began
    )


def _run(task: TenantTask, terminal: TenantTerminal) -> TenantResult:
    (task.folder / "process").write_text(f"{os.getpid()} {os.getppid()}")
    code = _BEHAVIORS[task.tenant.split("-")[0]](task, terminal)
    return make_result(task, code or 0)


def _die(task: TenantTask, terminal: TenantTerminal) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(task: TenantTask, terminal: TenantTerminal) -> None:
    os._exit(3)


def _lie(task: TenantTask, terminal: TenantTerminal) -> None:
    (task.folder / RESULT).write_text('{"format_version": 1}')
    os._exit(0)


def _differ(task: TenantTask, terminal: TenantTerminal) -> None:
    save_result(task, make_result(task, 0))
    os._exit(3)


def _mistake_target(task: TenantTask, terminal: TenantTerminal) -> None:
    save_result(task, replace(make_result(task, 0), sandbox=not task.sandbox))
    os._exit(0)


def _raise(exc: Exception) -> Callable[[TenantTask, TenantTerminal], None]:
    def behave(task: TenantTask, terminal: TenantTerminal) -> None:
        raise exc

    return behave


def _report(task: TenantTask, terminal: TenantTerminal) -> int:
    terminal.diagnostics([error("no such key", "Remove it.")])
    return 1


def _shout(task: TenantTask, terminal: TenantTerminal) -> None:
    for _ in range(200):
        sys.stdout.write("x" * 100_000)


def _wait(task: TenantTask, terminal: TenantTerminal) -> None:
    time.sleep(60)


def _hang(task: TenantTask, terminal: TenantTerminal) -> None:
    """Heed no signal but SIGKILL."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (task.folder / "hangs").touch()
    time.sleep(60)


def _finish(task: TenantTask, terminal: TenantTerminal) -> int:
    """As an apply: what is in flight is finished."""
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.3)
        (task.folder / "finished").touch()
    return 130


def _list_files(task: TenantTask, terminal: TenantTerminal) -> None:
    found = []
    for file in sorted(Path("/proc/self/fd").iterdir()):
        try:
            found.append(str(file.readlink()))
        except FileNotFoundError:  # that of the folder itself
            continue
    terminal.result(" ".join(found))


def _show_environment(task: TenantTask, terminal: TenantTerminal) -> None:
    terminal.result(Path("/proc/self/environ").read_bytes().replace(b"\0", b"\n").decode())


def _open_connection(task: TenantTask, terminal: TenantTerminal) -> Connection:
    """Use the token as a request does, and show all that the process has of it."""
    found = connect("http://127.0.0.1:9", PROFILES["scim"], tenant=task.tenant)
    token = found.tokens.current()
    terminal.result(f"{found.cap.per_second if found.cap is not None else None} {token!r}")
    return found


def _connect(task: TenantTask, terminal: TenantTerminal) -> None:
    _open_connection(task, terminal)


def _hold_token(task: TenantTask, terminal: TenantTerminal) -> None:
    """Hold the token until a file says to end."""
    found = _open_connection(task, terminal)
    (task.folder / "holds").touch()
    for _ in range(600):
        if (task.folder.parent / "end").exists():
            break
        time.sleep(0.05)
    terminal.result(f"{found.tokens.current()!r}")


_BEHAVIORS: dict[str, Callable[[TenantTask, TenantTerminal], int | None]] = {
    "ok": lambda _task, _terminal: 0,
    "killed": _die,
    "exits": _exit,
    "lies": _lie,
    "differs": _differ,
    "elsewhere": _mistake_target,
    "refused": _raise(TargetError('the service refuses "Ada Lovelace"', "Ask.")),
    "blocked": _raise(BlockedError("a guard blocks")),
    "bug": _raise(KeyError("secret")),
    "full": _raise(OSError(28, "No space left on device")),
    "broken": _report,
    "loud": _shout,
    "waits": _wait,
    "hangs": _hang,
    "finishes": _finish,
    "files": _list_files,
    "environment": _show_environment,
    "connects": _connect,
    "holds": _hold_token,
}
