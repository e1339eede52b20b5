"""The benchmark: whole `reconciler plan` processes against a floor measured in the same run.

    .venv/bin/python tests/benchmarks/run.py 10000 100000

For each number of users: generates the desired state, serves the live users from a second process, then runs the floor
(parse, read, join, with nothing else) and the plan in turn, then `export`, three times each. Prints medians: seconds of
the whole process, peak memory, and the ratio of plan and floor. Machines differ and are noisy: the ratio counts.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from generate import write_desired_state

HERE = Path(__file__).parent
RUNS = 3


@dataclass(frozen=True)
class Run:
    """One process: seconds and peak MiB."""

    seconds: float
    peak_mib: float


def timed(command: list[str], environment: dict[str, str], expected: set[int]) -> Run:
    """Run the command and measure it as the operating system does. Raises `SystemExit` for another exit code."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code not in expected:
        raise SystemExit(f"{command} ended with {code}: {process.stderr.read().decode() if process.stderr else ''}")
    return Run(seconds, usage.ru_maxrss / 1024)


def measure(users: int, scratch: Path) -> dict[str, float | int]:
    """Measure one number of users."""
    server = subprocess.Popen(
        [sys.executable, str(HERE / "bench_server.py"), "--users", str(users), "--drift", "0.02"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        state = scratch / f"state-{users}"
        write_desired_state(state, users, 1, base_url=base_url)
        environment = {**os.environ, "RECONCILER_TOKEN": "benchmark", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
        floor = [sys.executable, str(HERE / "floor.py"), str(state), base_url]
        plan = [sys.executable, "-m", "reconciler", "plan", "--state", str(state), "--summary", "-q"]
        pairs = [(timed(floor, environment, {0}), timed(plan, environment, {0, 3, 5})) for _ in range(RUNS)]
        exports = [timed(export_command(state, scratch / f"live-{users}-{n}"), environment, {0}) for n in range(RUNS)]
    finally:
        server.stdin.close()  # type: ignore[union-attr] # it is a pipe
        server.wait(10)
    return {
        "users": users,
        "floor_s": round(statistics.median(pair[0].seconds for pair in pairs), 2),
        "plan_s": round(statistics.median(pair[1].seconds for pair in pairs), 2),
        "ratio": round(statistics.median(pair[1].seconds / pair[0].seconds for pair in pairs), 2),
        "floor_mib": round(statistics.median(pair[0].peak_mib for pair in pairs)),
        "plan_mib": round(statistics.median(pair[1].peak_mib for pair in pairs)),
        "export_s": round(statistics.median(run.seconds for run in exports), 2),
        "export_mib": round(statistics.median(run.peak_mib for run in exports)),
    }


def export_command(state: Path, out: Path) -> list[str]:
    """The export of the live users, from the settings of `state` without its users."""
    empty = out.with_suffix(".settings")
    empty.mkdir()
    for name in ("settings.yaml", "mappings.yaml"):
        if (state / name).exists():
            shutil.copy(state / name, empty)
    return [sys.executable, "-m", "reconciler", "export", "--state", str(empty), "-o", str(out), "-q"]


def main() -> None:
    """Measure the numbers of users on the command line."""
    sizes = [int(size) for size in sys.argv[1:]] or [10_000]
    with tempfile.TemporaryDirectory() as scratch:
        for size in sizes:
            print(json.dumps(measure(size, Path(scratch))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
