"""What a machine can run out of: an error of its own, never one of the service, of a path or of permissions."""

from __future__ import annotations

import errno

_FILES = "Raise the limit of open files (`ulimit -n`), or close programs that hold many files or connections open."
_SPACE = "Free some space there, then run the same command again: nothing is done twice."
_SIZE = "Raise the limit of the size of files (`ulimit -f`), then run the same command again: nothing is done twice."
_MEMORY = (
    "Close other programs, or raise the limit of memory (`ulimit -v`), then run the same command again: nothing is\n"
    "done twice."
)
_THREADS = (
    "Close other programs, or raise the limits of processes (`ulimit -u`) and memory (`ulimit -v`), then run the same\n"
    "command again: nothing is done twice."
)
_NEXT_STEPS = {
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SIZE,
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
}


def is_exhaustion(exc: BaseException) -> bool:
    """Whether `exc` says that this machine, or this process, has run out of something."""
    return isinstance(exc, OSError) and exc.errno in _NEXT_STEPS


def describe_os_error(exc: OSError) -> str:
    """Return the reason of an error of the operating system, for the end of a message."""
    code = f" ({errno.errorcode[exc.errno]})" if exc.errno in _NEXT_STEPS else ""
    return f"{exc.strerror or exc}{code}"


def advise(exc: OSError, otherwise: str) -> str:
    """Return the next step after `exc`; `otherwise` unless the machine has run out of something."""
    return _NEXT_STEPS.get(exc.errno or 0, otherwise)


def explain_exhaustion(exc: BaseException) -> tuple[str, str] | None:
    """Return what Python could not get from this machine, memory or a thread, and the next step; None if neither."""
    if isinstance(exc, MemoryError):
        return "this machine, or this process, has run out of memory", _MEMORY
    if isinstance(exc, RuntimeError) and "can't start new thread" in str(exc):
        return "this machine, or this process, cannot start a thread", _THREADS
    return None
