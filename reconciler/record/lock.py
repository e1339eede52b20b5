"""One writer at a time: a lock for one target on one machine, held as long as its process lives.

It is flock(2): the system releases it when the holder exits, however it exits. The file names the holder and is never
removed: that would let two processes lock two files of the same name.

Each tenant at an address has a lock of its own, so that several can apply at the same time. An apply that names no
tenant, or of a version that knows none, may be for any one of them: its lock is the address's, which the applies of
named tenants share, and which it holds alone.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import hashlib
import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.base_url import canonicalize_base_url
from reconciler.core.model import Target
from reconciler.core.system_limits import advise, describe_os_error, is_exhaustion
from reconciler.core.text import escape_control, shorten
from reconciler.errors import LockedError, ReconcilerError
from reconciler.record.files import make_private_directory

_HELD = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}
_POLL = 0.1
_GRACE = 0.3
"""Seconds for which every process tries: `holder` takes the lock for a moment to see whether it is free."""
_MAX_BYTES = 4096
_ANOTHER_PLACE = "Set XDG_STATE_HOME to a directory of yours on a local disk."


@dataclass(frozen=True, slots=True)
class LockWait:
    """How long to wait for a lock, and how to report it."""

    seconds: float
    report: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    work: str = "apply to this target"
    """What the lock is for, with the reason for it."""
    reason: str = (
        "Two at once would undo each other's work. Wait for it to end (--lock-timeout SECONDS waits), or end\n"
        "it: that releases the lock."
    )


def build_lock_name(target: Target) -> str:
    """Return the file name of a target's lock."""
    key = f"{target.profile}\n{canonicalize_base_url(target.base_url).casefold()}"
    if target.tenant is not None:
        key += f"\n{target.tenant}"
    return f"{target.profile}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock"


def find_lock_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the directory of this user's locks: in XDG_STATE_HOME, by default ~/.local/state.

    Raises `ReconcilerError` if the user has no home directory.
    """
    named = environment.get("XDG_STATE_HOME", "")
    try:
        # The XDG base directory specification says to ignore a relative path.
        base = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError as exc:
        raise ReconcilerError("this user has no home directory", "Set XDG_STATE_HOME to a directory.") from exc
    return base / "reconciler" / "locks"


@contextmanager
def hold_lock(path: Path, wait: LockWait) -> Iterator[None]:
    """Hold the lock `path`. Raises `LockedError` if another process holds it, `ReconcilerError` if it is unusable."""
    handle = open_lock(path)
    try:
        _acquire(handle, path, wait, fcntl.LOCK_EX)
        with suppress(OSError):  # only for the reader: the lock holds without it
            _write(handle, json.dumps(_describe_process()).encode())
        yield
        with suppress(OSError):
            _write(handle, b"")
    finally:
        os.close(handle)


@contextmanager
def share_lock(path: Path, wait: LockWait) -> Iterator[None]:
    """Hold the lock `path` together with others that share it. Raises as `hold_lock`."""
    handle = open_lock(path)
    try:
        _acquire(handle, path, wait, fcntl.LOCK_SH)
        with suppress(OSError):  # several hold it, so it names none of them
            _write(handle, b"")
        yield
    finally:
        os.close(handle)


def describe_holder(path: Path) -> str | None:
    """Return a description of the process that holds the lock; None if it is free. Changes nothing."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        return _read_holder(handle) if exc.errno in _HELD else None
    else:
        return None
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """Open the lock's file, which must be ours and no link: otherwise another user could make us truncate a file.

    Raises `ReconcilerError`.
    """
    try:
        make_private_directory(path.parent)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _check_ours(folder, path.parent)
            # Not blocking: a named pipe there would hang.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(path.name, flags, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            _check_ours(handle, path)
        except BaseException:
            os.close(handle)
            raise
    except OSError as exc:
        raise _unusable(path, _reason(exc), advise(exc, _ANOTHER_PLACE)) from exc
    return handle


def _check_ours(handle: int, path: Path) -> None:
    found = os.fstat(handle)
    if found.st_uid != os.geteuid():
        raise _unusable(path, "it belongs to another user")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise _unusable(path, "it is not a file")


def _reason(exc: OSError) -> str:
    linked = exc.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
    return "it is a symbolic link, or not a directory" if linked else describe_os_error(exc)


def _unusable(path: Path, why: str, next_step: str = _ANOTHER_PLACE) -> ReconcilerError:
    return ReconcilerError(f"cannot lock {escape_control(str(path))}: {why}", f"Nothing was changed. {next_step}")


def _acquire(handle: int, path: Path, wait: LockWait, kind: int) -> None:
    begun = wait.clock()
    reported = False
    while not _try_lock(handle, path, kind):
        waited = wait.clock() - begun
        if waited >= max(wait.seconds, _GRACE):
            raise LockedError(
                f"another {wait.work} is running: {_read_holder(handle)}",
                f"{wait.reason} The lock is {escape_control(str(path))}.",
            )
        if not reported and waited >= _GRACE:
            wait.report(f"Waiting for another {wait.work} to end: {_read_holder(handle)}")
            reported = True
        wait.sleep(_POLL)


def _try_lock(handle: int, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in _HELD:
            return False
        if is_exhaustion(exc):
            raise _unusable(path, describe_os_error(exc), advise(exc, _ANOTHER_PLACE)) from exc
        raise _unusable(path, f"this file system cannot lock ({exc.strerror})") from exc
    return True


def _describe_process() -> dict[str, object]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id of a container without a name
        user = str(os.getuid())
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "user": user, "host": socket.gethostname(), "since": since}


def _write(handle: int, content: bytes) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, content, 0)


def _read_holder(handle: int) -> str:
    """Describe the holder by what it wrote, which may be missing or incomplete: it may just be writing it."""
    try:
        found = json.loads(os.pread(handle, _MAX_BYTES, 0))
        values = (str(found[name]) for name in ("pid", "user", "host", "since"))
        pid, user, host, since = (escape_control(shorten(value, 80)) for value in values)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "an unknown process"
    return f"process {pid} of {user} on {host}, since {since}"
