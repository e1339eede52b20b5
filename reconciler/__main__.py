"""`reconciler` and `python -m reconciler`: from the first import on, a signal ends the command without a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
from importlib import import_module
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130
"""`errors.ExitCode.INTERRUPTED`."""


def main() -> None:
    """Run the command line. Ctrl-C, SIGTERM and SIGHUP are one, unless the caller ignores them (nohup)."""
    ours = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    _handle(ours, _end)
    try:
        cli = import_module("reconciler.cli")
        _handle(ours, signal.default_int_handler)
        cli.main()
    except KeyboardInterrupt:
        _end(0, None)
    finally:
        # What Python does at its end is nothing that a signal has to interrupt with a traceback.
        _handle(ours, _end)


def _handle(numbers: list[signal.Signals], handler: signal._HANDLER) -> None:
    for number in numbers:
        signal.signal(number, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing was begun, or all was ended."""
    with contextlib.suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
