"""Check the tenants of a fleet in several processes: as many as there are processors.

Each is a fork of this one, checks a part of the tenants, and sends what it found over a pipe. What a process did not
send completely is checked in this process, so the findings are the same whatever happens to one.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from reconciler.fleet.model import Tenant
from reconciler.session.fleet.parent_death import end_with_parent
from reconciler.session.fleet.tenant_checks import TenantFindings, check_tenants

_LEAST = 100
"""Tenants of one process: fewer are checked in the time that it takes to start one."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TenantFindings]).decode


def count_processes(tenants: int) -> int:
    """Return how many processes pay for this number of tenants; 1 where a fork is not safe."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), tenants // _LEAST))


def check_at_once(
    root: Path, tenants: Sequence[Tenant], now: datetime, processes: int | None = None
) -> Iterator[TenantFindings]:
    """Check the tenants as `check_tenants` does, with the same findings in the same order."""
    count = count_processes(len(tenants)) if processes is None else processes
    size = -(-len(tenants) // count) or 1
    first, *others = [tenants[start : start + size] for start in range(0, len(tenants), size)] or [()]
    started = [(part, *_start(root, part, now)) for part in others]
    try:
        yield from check_tenants(root, first, now)
        for part, _, pipe in started:
            found = _receive(pipe)
            yield from check_tenants(root, part, now) if found is None else found
    finally:
        for _, process, pipe in started:
            _end(process, pipe)


def _start(root: Path, tenants: Sequence[Tenant], now: datetime) -> tuple[int | None, int | None]:
    """Start a process for these tenants; return its number and the pipe to read. None if the machine cannot."""
    try:
        reading, writing = os.pipe()
    except OSError:
        return None, None
    gc.freeze()  # the collector would write to the pages that both processes share
    try:
        this, process = os.getpid(), os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None, None
    if process == 0:
        _run(root, tenants, now, writing, this)
    os.close(writing)
    return process, reading


def _run(root: Path, tenants: Sequence[Tenant], now: datetime, pipe: int, parent: int) -> NoReturn:
    """Check the tenants, send what was found, and end: nothing that the other process began is ended here."""
    try:
        end_with_parent(parent, signal.SIGKILL)
        content = memoryview(_encode(list(check_tenants(root, tenants, now))))
        head = len(content).to_bytes(8, "big")
        os.write(pipe, head)
        while content:
            content = content[os.write(pipe, content) :]
    finally:
        os._exit(0)  # the other process checks again what was not sent, and shows what goes wrong


def _receive(pipe: int | None) -> list[TenantFindings] | None:
    """Return what a process found; None if it did not send all of it."""
    if pipe is None:
        return None
    with open(pipe, "rb", closefd=False) as file:
        head, content = file.read(8), file.read()
    try:
        return _decode(content) if len(head) == 8 and len(content) == int.from_bytes(head, "big") else None  # noqa: PLR2004
    except ValueError:
        return None


def _end(process: int | None, pipe: int | None) -> None:
    if process is not None and pipe is not None:
        os.close(pipe)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
