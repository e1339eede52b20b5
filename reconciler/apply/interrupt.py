"""Let an apply finish its requests in flight on Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from reconciler.errors import ExitCode


@contextmanager
def finish_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """On the first Ctrl-C, SIGTERM or SIGHUP, set `stop`; on the second, end the process at once.

    A handler may interrupt anything, printing too, so it writes past Python's buffers. Ending at once is safe because
    every line of the receipt is on disk: the next run sees what was started. In a thread other than the main one, which
    gets no signals, it does nothing.
    """

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        for number in heeded:
            signal.signal(number, end_now)
        stop.set()
        _write_unbuffered("\nInterrupt received: finishing what is in flight. Press Ctrl-C again to end at once.\n")

    def end_now(_number: int, _frame: FrameType | None) -> None:
        _write_unbuffered("\nInterrupted: requests in flight may have taken effect. Run the same command again.\n")
        os._exit(ExitCode.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, request_stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _write_unbuffered(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode())
