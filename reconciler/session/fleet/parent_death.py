"""End with the parent process, whatever ends that one: the kernel sends a signal (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1


def _find_prctl() -> Callable[[int, int], int]:
    with suppress(OSError, AttributeError):
        found: Callable[[int, int], int] = ctypes.CDLL(None).prctl
        return found
    return lambda _option, _value: 0


_prctl = _find_prctl()
"""prctl(2), looked up before any fork, so that nothing takes time after it."""


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """Ask the kernel for the signal `number` when the process `parent` ends; if it has ended already, end at once."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)
