"""What a plan of many small tenants costs: CPU seconds per tenant, and the memory of the process that runs them.

    .venv/bin/python tests/benchmarks/fleet.py 200 1000 [--users 20] [--at-once 4] [--exec]

For each number of tenants: a fleet with a token for each, one service that shows all of them the same users, but for
their domain, of which a tenth differs, and one `reconciler fleet plan -o DIR`. CPU seconds are of the command with all
its processes, without the service. `peak_mib`: of the command's own process; `largest_mib`: of the largest one of all.
With --exec, the first 20 tenants are planned by a command each, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from generate import write_desired_state
from measures import make_environment
from processes import RECONCILER, server

_DRIFT = 0.1
_ALONE = 20
_MIB = 1024


def write_fleet(root: Path, tenants: int, users: int, base_url: str, at_once: int) -> None:
    """Write the files of the fleet and a token for each tenant."""
    (root / "tokens").mkdir(parents=True, mode=0o700)
    (root / "fleet.yaml").write_text(f"tenants: tenants/*\ncaps: {{tenants_at_once: {at_once}}}\n")
    for number in range(tenants):
        name = f"t{number:05}"
        folder = root / "tenants" / name
        write_desired_state(folder, users, base_url=base_url)
        (folder / "tenant.yaml").write_text(f"domains: [{name}.test]\n")
        for path in (folder / "settings.yaml", *folder.glob("users/**/*.yaml")):
            text = path.read_text("utf-8").replace("  domains: [example.com]\n", "")
            path.write_text(text.replace("example.com", f"{name}.test"), "utf-8")
        token = root / "tokens" / name
        token.write_text(f"token-of-{name}")
        token.chmod(0o600)


def run(line: list[str], root: Path, environment: dict[str, str]) -> dict[str, float]:
    """Run a command to its end. Raises `SystemExit` if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(line, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(line)} ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak[0],
        "largest_mib": usage.ru_maxrss / _MIB,
    }


def _watch(process: int, peak: list[float]) -> None:
    status = Path(f"/proc/{process}/status")
    while True:
        try:
            found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            return
        peak[0] = max(peak[0], int(found.split()[1]) / _MIB)
        time.sleep(0.05)


def measure(tenants: int, users: int, at_once: int, *, alone: bool = False) -> dict[str, Any]:
    """Return the figures of one fleet."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        server("bench_server.py", "--users", users, "--drift", _DRIFT, "--port", 0) as (base_url, _),
    ):
        root = Path(scratch) / "fleet"
        write_fleet(root, tenants, users, base_url, at_once)
        environment = {**make_environment(Path(scratch)), "RECONCILER_TOKEN_DIR": str(root / "tokens")}
        found = run([*RECONCILER, "fleet", "plan", "-o", "out", "--no-cache", "-q"], root, environment)
        plans = list((root / "out").glob("*/plan.json"))
        if len(plans) != tenants:
            raise SystemExit(f"{len(plans)} of {tenants} plans")
        figures = {
            "tenants": tenants,
            "cpu_per_tenant": round(found["cpu"] / tenants, 4),
            "tenants_per_minute": round(60 * tenants / found["seconds"]),
            "peak_mib": round(found["peak_mib"], 1),
            "largest_mib": round(found["largest_mib"], 1),
        }
        if alone:
            names = [f"t{number:05}" for number in range(min(_ALONE, tenants))]
            lines = [[*RECONCILER, "plan", "--state", f"tenants/{name}", "--no-cache", "-q"] for name in names]
            cpu = sum(run(line, root, environment)["cpu"] for line in lines)
            figures["cpu_per_command"] = round(cpu / len(lines), 4)
        return figures


def main() -> None:
    """Print a line of JSON for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tenants", type=int, nargs="+")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--exec", action="store_true")
    options = parser.parse_args()
    for size in options.tenants:
        print(json.dumps(measure(size, options.users, options.at_once, alone=options.exec)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
