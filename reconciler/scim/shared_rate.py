"""One request rate for all processes of a machine that send to one address, kept in a small file.

Each process reserves the next free slot in the file, under a lock that it holds for some microseconds, and sleeps until
then (GCRA without a burst). A process that dies has nothing to give back: its slot passes. If the service asks one of
them to wait, all wait. What a run learns by itself (`scim.adaptive_rate`) goes on below this rate.

Times in the file are seconds of the monotonic clock, which all processes of a machine share, since it was started.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import TargetError

LONGEST_QUEUE = 600.0
"""Seconds ahead of now that slots are given out for; what a file says beyond that is of another clock."""
LONGEST_HOLD = 140.0
"""Seconds that all wait at most, after one refusal: the longest pause of a run (`scim.retry`), spread."""
SLOWEST, FASTEST = 0.01, 10_000.0
"""Requests per second that a rate may be."""
LOCK_SECONDS = 5.0
"""Without the lock for so long, as when its holder was stopped, a request leaves all the same: that is slow enough."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FORMAT = struct.Struct("<8s36sdd")
_MAGIC = b"rate  01"
_CLOSED = -1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05


@dataclass(frozen=True, slots=True)
class RateSlots:
    """When the next slot is free, and before which time nothing may be sent: what the file says. Pure."""

    free_at: float = -math.inf
    not_before: float = -math.inf

    def take(self, now: float, per_second: float) -> tuple[float, RateSlots]:
        """Return the time of the next slot, and what is free after it."""
        at = max(now, self.free_at, self.not_before)
        return at, replace(self, free_at=at + 1 / per_second)

    def hold(self, until: float) -> RateSlots:
        """Return that nothing may be sent before `until`."""
        return replace(self, not_before=max(self.not_before, until))

    def is_plausible(self, now: float) -> bool:
        """Whether a process of this machine can have written it, at a time that has passed."""
        # The last slot of a queue ends after it, by the slowest rate. NaN is not below anything.
        return self.free_at <= now + LONGEST_QUEUE + 1 / SLOWEST and self.not_before <= now + LONGEST_HOLD


def read_boot_id() -> bytes:
    """Return what identifies the time since this machine was started; b"" where the system does not say it."""
    with suppress(OSError):
        return _BOOT_ID.read_bytes()[:36]
    return b""


class SharedRate:
    """The slots of an address. Thread-safe.

    `handle`: of the file, open for reading and writing by this process alone; `close` closes it.
    """

    def __init__(
        self,
        handle: int,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        boot_id: bytes | None = None,
    ) -> None:
        self._handle = handle
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self._mutex = threading.Lock()

    def reserve(self, longest: float = math.inf) -> float | None:
        """Reserve the next slot; return the seconds until then, or None, without a slot, if they are above `longest`.

        Raises `TargetError` if the file cannot be used, or the queue is too long.
        """
        with self._lock() as locked:
            if not locked:
                return 0.0
            now = self._clock()
            at, after = self._read(now).take(now, self._per_second)
            if at - now > longest:
                return None
            if at - now > LONGEST_QUEUE:
                raise TargetError(
                    f"more requests wait for this address than can be sent in {LONGEST_QUEUE / 60:.0f} minutes",
                    "Run fewer tenants at once, or allow more requests per second.",
                )
            self._write(after)
            return at - now

    def is_held(self) -> bool:
        """Whether the service has asked any of the processes to wait, and that time has not passed."""
        with self._lock() as locked:
            now = self._clock()
            return locked and self._read(now).not_before > now

    def hold(self, seconds: float) -> None:
        """Let all processes wait."""
        with self._lock() as locked:
            if locked:
                now = self._clock()
                self._write(self._read(now).hold(now + min(max(seconds, 0.0), LONGEST_HOLD)))

    def close(self) -> None:
        """Close the file: no slot can be reserved any more."""
        with self._mutex:
            handle, self._handle = self._handle, _CLOSED
            if handle != _CLOSED:
                os.close(handle)

    @contextmanager
    def _lock(self) -> Iterator[bool]:
        """Hold the lock of the file; False if another process holds it for too long."""
        with self._mutex, _explain():
            if self._handle == _CLOSED:
                raise OSError(errno.EBADF, "its file is closed")
            locked = self._acquire()
            try:
                yield locked
            finally:
                if locked:
                    fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _acquire(self) -> bool:
        pause, end = _FIRST_PAUSE, self._clock() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock() >= end:
                    return False
                self._sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return True

    def _read(self, now: float) -> RateSlots:
        content = os.pread(self._handle, _FORMAT.size, 0)
        if not content:
            return RateSlots()
        if len(content) == _FORMAT.size:
            magic, boot_id, free_at, not_before = _FORMAT.unpack(content)
            found = RateSlots(free_at, not_before)
            if magic == _MAGIC and boot_id == self._boot_id.ljust(36, b"\0") and found.is_plausible(now):
                return found
        # Of another start of the machine, or damaged: as if a request had just been sent.
        return RateSlots(now + 1 / self._per_second)

    def _write(self, slots: RateSlots) -> None:
        os.pwrite(self._handle, _FORMAT.pack(_MAGIC, self._boot_id, slots.free_at, slots.not_before), 0)


@contextmanager
def _explain() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TargetError(
            f"the request rate that processes share cannot be kept: {describe_os_error(exc)}",
            advise(exc, "Set XDG_STATE_HOME to a directory of yours on a local disk."),
        ) from exc
