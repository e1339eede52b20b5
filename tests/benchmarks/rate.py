"""How much of a service's request limit a whole `apply` uses, and how often it is refused.

    .venv/bin/python tests/benchmarks/rate.py 25 100 500 [--seconds 20] [--burst 1.0] [--creates]

For each limit (requests a second; 0: none, then --changes says how much there is to do): a service in a process of its
own, and one `apply` that lasts about that long, with Retry-After and without. Every change is a GET and a PATCH; with
--creates a POST and a GET, and a look-up of the name where that is needed. The server counts, from its first request to
its last: the share of the limit that was used, the share answered 429.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from generate import write_desired_state

HERE = Path(__file__).parent


def measure(
    limit: float,
    changes: int,
    *,
    burst: float = 1.0,
    latency: float = 0.004,
    retry_after: bool,
    creates: bool = False,
) -> dict[str, Any]:
    """One apply."""
    command = [sys.executable, str(HERE / "limited_server.py"), "--limit", str(limit)]
    command += ["--users", str(1 if creates else changes)]
    command += ["--burst", str(burst), "--latency", str(latency)]
    command += [] if retry_after else ["--no-retry-after"]
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        state = Path(scratch) / "state"
        write_desired_state(state, changes, 1, base_url=base_url)
        environment = {**os.environ, "RECONCILER_TOKEN": "benchmark", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
        line = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--summary", "-q"]
        line += ["--state", str(state), "--plans", str(Path(scratch) / "plans")]
        started = time.perf_counter()
        ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        server.stdin.close()
        counted = json.loads(server.stdout.read())
    last = ended.stdout.strip().splitlines()[-1:] or [ended.stderr]
    return {"retry_after": retry_after, "changes": changes, **counted, "process_s": round(seconds, 1), "said": last[0]}


def main() -> None:
    """Measure the limits on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("limits", type=float, nargs="+")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--burst", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=0.004)
    parser.add_argument("--changes", type=int, default=0)
    parser.add_argument("--creates", action="store_true")
    options = parser.parse_args()
    for limit in options.limits:
        changes = options.changes or (round(limit * options.seconds / 2) if limit else 2000)
        for retry_after in (True, False) if limit else (True,):
            how = {"burst": options.burst, "latency": options.latency, "creates": options.creates}
            found = measure(limit, changes, retry_after=retry_after, **how)
            print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
