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
    """The first Ctrl-C or SIGTERM lets requests in flight finish and starts no others, the second ends at once.

    A handler runs in the middle of anything, printing too: so it writes past Python's buffers. The second may end the
    process right there, because every line of the receipt is on disk: the next run sees what was started.
    """

    def first(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, second)
        stop.set()
        _write_through("\nInterrupt received: finishing what is in flight. Press Ctrl-C again to end at once.\n")

    def second(_number: int, _frame: FrameType | None) -> None:
        _write_through("\nInterrupted: requests in flight may have taken effect. Run the same command again.\n")
        os._exit(ExitCode.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, first) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGINT, signal.SIGTERM)


def _write_through(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode())
