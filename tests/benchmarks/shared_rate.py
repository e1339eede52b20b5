"""How much of an address's request limit eight processes use that share a rate, and how often they are refused.

    .venv/bin/python tests/benchmarks/shared_rate.py 25 100 [--processes 8] [--seconds 20] [--cap 1.0] [--alone]

For each limit (requests a second): a service in a process of its own, and processes that send reads as fast as they
may, through the client of `plan`, each on four threads. The cap is the limit, or --cap times that; with --alone each
process adapts by itself, as without RECONCILER_REQUESTS_PER_SECOND. The server counts, from its first request to its
last: the share of the limit that was used, the share answered 429. `file_us`: CPU of one reservation in the file, in
microseconds, without sending.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reconciler.profiles import PROFILES
from reconciler.scim.client import ScimClient
from reconciler.scim.shared_rate import SharedRate
from reconciler.session.connection import connect, open_client
from reconciler.session.rate_cap import RATE_VARIABLE

HERE = Path(__file__).parent
THREADS = 4
SAMPLES = 20_000


def send_reads(base_url: str, seconds: float) -> None:
    """Be one of the processes."""
    end = time.monotonic() + seconds
    with (
        open_client(connect(base_url, PROFILES["scim"]), writes=False) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        list(threads.map(lambda _number: _send_until(client, end), range(THREADS)))


def _send_until(client: ScimClient, end: float) -> None:
    while time.monotonic() < end:
        client.list_page(1, 1)


def measure(limit: float, processes: int, seconds: float, *, cap: float = 1.0, alone: bool = False) -> dict[str, Any]:
    """Let the processes send, and return what the server counted."""
    server_line = [sys.executable, str(HERE / "limited_server.py"), "--limit", str(limit), "--users", "10"]
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(server_line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        environment = {**os.environ, "RECONCILER_TOKEN": "benchmark", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
        environment |= {"XDG_STATE_HOME": scratch} | ({} if alone else {RATE_VARIABLE: f"{cap * limit:.3f}"})
        line = [sys.executable, __file__, "--send-to", base_url, "--seconds", str(seconds)]
        started = [subprocess.Popen(line, env=environment) for _ in range(processes)]
        used = [os.wait4(each.pid, 0) for each in started]
        server.stdin.close()
        counted = json.loads(server.stdout.read())
    cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in used)
    failed = sum(status != 0 for _, status, _ in used)
    return {
        "limit": limit,
        "processes": processes,
        "cap": None if alone else cap * limit,
        **{name: counted[name] for name in ("seconds", "requests", "used", "refused")},
        "cpu_s": round(cpu, 2),
        "failed": failed,
    }


def measure_file() -> float:
    """Return the CPU of one reservation, in microseconds."""
    with tempfile.NamedTemporaryFile() as file:
        shared = SharedRate(os.dup(file.fileno()), 10_000)
        began = time.process_time()
        for _ in range(SAMPLES):
            shared.reserve()
        return (time.process_time() - began) / SAMPLES * 1e6


def main() -> None:
    """Measure the limits on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("limits", type=float, nargs="*")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--cap", type=float, default=1.0)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--send-to", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send_to:
        send_reads(options.send_to, options.seconds)
        return
    print(json.dumps({"file_us": round(measure_file(), 1)}), flush=True)  # noqa: T201
    for limit in options.limits:
        found = measure(limit, options.processes, options.seconds, cap=options.cap, alone=options.alone)
        print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
