"""Stop a run of many tenants on Ctrl-C, SIGTERM or SIGHUP: no new tenants, and the running ones end as they would."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from reconciler.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST = 3
"""With this signal, the command ends at once; its tenants end what is in flight."""


class StopSwitch:
    """Requests to stop, counted: the first one is passed on to all tenants, and so is the second. Any thread may ask.

    `fileno`: readable after a request that was not taken, to wait on.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self.requests = 0

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._reader

    def request(self) -> None:
        """Ask to stop. Safe in a signal handler."""
        self.requests += 1
        with suppress(OSError):
            os.write(self._writer, b".")

    def take(self) -> int:
        """Return how many requests came since the last call, waiting for one."""
        return len(os.read(self._reader, 100))

    def close(self) -> None:
        """Close it."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def stop_on_signals() -> Iterator[StopSwitch]:
    """Yield a switch that signals to this process turn; in a thread other than the main one, none do."""
    switch = StopSwitch()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        switch.request()
        if switch.requests >= _LAST:
            os._exit(ExitCode.INTERRUPTED)
        _write_unbuffered(_NOTES[switch.requests])

    here = threading.current_thread() is threading.main_thread()
    heeded = [number for number in _SIGNALS if here and signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, request_stop) for number in heeded}
    try:
        yield switch
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        switch.close()


_NOTES = {
    1: "\nInterrupt received: no tenant is begun, the others finish what is in flight. "
    "Press Ctrl-C again to end them at once.\n",
    2: "\nInterrupted: requests in flight may have taken effect. Run the same command again.\n",
}


def _write_unbuffered(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode())
