"""Run commands and servers as processes, and measure them as the operating system does."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Self

HERE = Path(__file__).parent
RECONCILER = (sys.executable, "-m", "reconciler")
_INTERVAL = 0.1
"""Seconds between two looks at the memory of a process and its children."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process with its children: seconds of wall time and of both cores, and peak MiB.

    Memory that a process shares with its children counts once.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


def timed(command: Sequence[str], environment: dict[str, str], expected: Collection[int] = (0,)) -> Run:
    """Run the command to its end. Raises `SystemExit` for another exit code than the `expected` ones."""
    started = perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with _MemoryWatch(process.pid) as watch:
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in expected:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {complaint}")
    # Linux counts KiB.
    return Run(seconds, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / 1024, watch.peak_mib))


def middle(runs: Sequence[Run]) -> Run:
    """Return the medians of several runs."""

    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(map(value, runs))

    return Run(median(lambda run: run.seconds), median(lambda run: run.cpu_seconds), median(lambda run: run.peak_mib))


@contextmanager
def server(script: str, *options: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a server of this folder; yield the first line that it prints, and its process. It ends when stdin closes."""
    command = [sys.executable, str(HERE / script), *map(str, options)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


class _MemoryWatch:
    """Watches the memory of a process and of its children from a thread: what they hold together counts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL):
            family = _list_family(self._pid)
            if len(family) > 1:  # the peak of one alone is counted by the operating system
                self.peak_mib = max(self.peak_mib, sum(map(_read_proportional_mib, family)))


def _list_family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (words := _read_words(entry / "stat")):
            # After the name, which is in brackets and may hold blanks: the state, then the parent.
            after = words[next(n for n, word in enumerate(words) if word.endswith(")")) + 1 :]
            children.setdefault(int(after[1]), []).append(int(entry.name))
    family = [pid]
    for member in family:
        family += children.get(member, ())
    return family


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _read_proportional_mib(pid: int) -> float:
    """Return the memory of a process, in which what several processes share counts for each in part."""
    words = _read_words(Path(f"/proc/{pid}/smaps_rollup"))
    return int(words[words.index("Pss:") + 1]) / 1024 if "Pss:" in words else 0.0
