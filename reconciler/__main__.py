"""`reconciler` and `python -m reconciler`: from the first import on, a signal ends the command without a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from importlib import import_module
from types import FrameType

_PYTHON = (3, 11)
"""The oldest Python, as in pyproject.toml."""
_UNSUPPORTED = 1
"""`errors.ExitCode.ERROR`."""
_INTERRUPTED = 130
"""`errors.ExitCode.INTERRUPTED`."""


def main() -> None:
    """Run the command line. Ctrl-C, SIGTERM and SIGHUP are one, unless the caller ignores them (nohup)."""
    if refusal := _find_refusal():
        sys.stderr.write(f"Error: {refusal}\n")
        sys.exit(_UNSUPPORTED)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ours = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
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


def _find_refusal() -> str:
    """Return why the program cannot run here; an empty string if it can. Nothing else is imported before."""
    if os.name != "posix":
        return "reconciler runs on Linux and macOS. On Windows, install and run it in WSL (wsl --install)."
    if sys.version_info < _PYTHON:
        return f"reconciler needs Python 3.{_PYTHON[1]} or newer. This is {sys.version.split()[0]}: {sys.executable}"
    return ""


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
