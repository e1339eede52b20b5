"""Explain byte code that Python could not write in full, often because a disk was full: it cannot be imported."""

from __future__ import annotations

from types import TracebackType

from reconciler.core.text import quote

_IMPORTER = "<frozen importlib._bootstrap_external>"
_NEXT_STEP = (
    "Often a disk was full when Python wrote it. Free some space, delete this file or install Reconciler again, then\n"
    "run the same command again: nothing is done twice."
)


def explain_cut_byte_code(exc: EOFError) -> tuple[str, str] | None:
    """Return which byte code file is incomplete, and the next step; None if `exc` is about something else."""
    path = _find_path(exc.__traceback__)
    if path is None:
        return None
    return f"the byte code in {quote(path)} is cut off", _NEXT_STEP


def _find_path(trace: TracebackType | None) -> str | None:
    """Return the file that was being imported when the error was raised."""
    path = None
    while trace is not None:
        frame = trace.tb_frame
        path = frame.f_locals.get("bytecode_path") if frame.f_code.co_filename == _IMPORTER else None
        trace = trace.tb_next
    return path if isinstance(path, str) else None
