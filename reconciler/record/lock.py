"""One writer at a time: a lock for one target on one machine, held as long as its process lives.

It is flock(2): the system lets go of it when the holder ends, however it ends. The file says who holds it and stays
where it is; removing it would let two processes lock two files of the same name.
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

from reconciler.core.model import Target
from reconciler.core.text import escape_control, shorten
from reconciler.errors import LockedError, ReconcilerError

_HELD = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}
_POLL = 0.1
_GRACE = 0.3
"""Seconds for which everybody tries: `holder` takes the lock for a moment to see whether it is free."""
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LockWait:
    """How long to wait for a lock, and whom to tell that we do."""

    seconds: float
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def build_lock_name(target: Target) -> str:
    """The file name of a target's lock."""
    key = f"{target.profile}\n{target.base_url.rstrip('/').casefold()}"
    return f"{target.profile}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock"


def find_lock_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where this user's locks lie: in XDG_STATE_HOME, by default ~/.local/state."""
    named = environment.get("XDG_STATE_HOME", "")
    try:
        # A relative path is to be ignored, says the XDG base directory specification.
        base = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError as exc:
        raise ReconcilerError("this user has no home directory", "Set XDG_STATE_HOME to a directory.") from exc
    return base / "reconciler" / "locks"


@contextmanager
def hold_lock(path: Path, wait: LockWait) -> Iterator[None]:
    """Holds the lock `path`; raises `LockedError` when somebody else has it, `ReconcilerError` when it can't be had."""
    handle = _open(path)
    try:
        _acquire(handle, path, wait)
        with suppress(OSError):  # who we are is for the reader; the lock holds without it
            _write(handle, json.dumps(_ourselves()).encode())
        yield
        with suppress(OSError):
            _write(handle, b"")
    finally:
        os.close(handle)


def describe_holder(path: Path) -> str | None:
    """Who holds the lock now, in words; None: nobody does. Changes nothing."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        return _who(handle) if exc.errno in _HELD else None
    else:
        return None
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    """The lock's file, ours and no link: whoever could put another file there could truncate what it points at."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _check_ours(folder, path.parent)
            # Not blocking: a named pipe put there would hang us.
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
        raise _unusable(path, _reason(exc)) from exc
    return handle


def _check_ours(handle: int, path: Path) -> None:
    found = os.fstat(handle)
    if found.st_uid != os.geteuid():
        raise _unusable(path, "it belongs to somebody else")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise _unusable(path, "it is no file")


def _reason(exc: OSError) -> str:
    linked = exc.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
    return "it is a symbolic link, or no directory" if linked else str(exc.strerror or exc)


def _unusable(path: Path, why: str) -> ReconcilerError:
    way_out = "Nothing was changed. Set XDG_STATE_HOME to a directory of yours on a local disk."
    return ReconcilerError(f"cannot lock {escape_control(str(path))}: {why}", way_out)


def _acquire(handle: int, path: Path, wait: LockWait) -> None:
    begun = wait.clock()
    told = False
    while not _taken(handle, path):
        waited = wait.clock() - begun
        if waited >= max(wait.seconds, _GRACE):
            raise LockedError(
                f"another apply to this target is running: {_who(handle)}",
                "Two at once would undo each other's work. Wait for it to end (--lock-timeout SECONDS waits), or end\n"
                f"it; its lock goes with it. The lock is {escape_control(str(path))}.",
            )
        if not told and waited >= _GRACE:
            wait.say(f"Waiting for another apply to this target to end: {_who(handle)}")
            told = True
        wait.sleep(_POLL)


def _taken(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in _HELD:
            return False
        raise _unusable(path, f"this file system cannot lock ({exc.strerror})") from exc
    return True


def _ourselves() -> dict[str, object]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        user = str(os.getuid())
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "user": user, "host": socket.gethostname(), "since": since}


def _write(handle: int, content: bytes) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, content, 0)


def _who(handle: int) -> str:
    """The holder by its own words, which may be missing or torn: it may just be writing them."""
    try:
        found = json.loads(os.pread(handle, _MAX_BYTES, 0))
        words = (str(found[name]) for name in ("pid", "user", "host", "since"))
        pid, user, host, since = (escape_control(shorten(word, 80)) for word in words)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "its process did not say who it is"
    return f"process {pid} of {user} on {host}, since {since}"
