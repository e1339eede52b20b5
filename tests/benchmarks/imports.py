"""Whole `reconciler import entra` processes against a floor that sends the same requests and reads the same files.

    .venv/bin/python tests/benchmarks/imports.py 10000 100000 --runs 3

For each number of users: serves a tenant from a second process, then measures the first import into an empty desired
state (read, merge, write, validate) and an import without changes, each in turn with its floor. Prints medians: seconds
of the whole process, peak memory, and the ratio to the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from generate import write_desired_state
from processes import Run, timed

HERE = Path(__file__).parent
IMPORT = [sys.executable, "-m", "reconciler", "import", "entra", "-q", "--state"]


def start(users: int) -> subprocess.Popen[str]:
    """Start the tenant."""
    command = [sys.executable, str(HERE / "graph_server.py"), "--users", str(users)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def write_settings(state: Path, server: dict[str, Any]) -> None:
    """Write a desired state without users that imports from the tenant."""
    write_desired_state(state, 0, base_url="https://federation.apple.com/feeds/business/scim")
    source = f"source:\n  entra:\n    tenant: {server['tenant']}\n    client_id: {server['client']}\n"
    with (state / "settings.yaml").open("a") as file:
        file.write(f"{source}    application: Apple Business Manager\n")


def list_requests(process: subprocess.Popen[str]) -> list[list[str]]:
    """Return the requests to Graph since the last call."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found: list[list[str]] = json.loads(process.stdout.readline())
    return found


def measure(users: int, scratch: Path, runs: int) -> list[dict[str, Any]]:
    """Measure one number of users."""
    process = start(users)
    try:
        assert process.stdout is not None
        server = json.loads(process.stdout.readline())
        empty, full = scratch / "empty", scratch / "full"
        write_settings(empty, server)
        environment = {**os.environ, **server["environment"]}
        shutil.copytree(empty, full)
        rows = []
        for name, state in (("first", empty), ("no changes", full)):
            timed([*IMPORT, str(full)], environment, {0})  # fills the cache of answers
            (scratch / "requests.json").write_text(json.dumps(list_requests(process)))
            rows.append(measure_import(name, state, scratch, environment, runs) | {"users": users})
            list_requests(process)
    finally:
        process.stdin.close()  # type: ignore[union-attr] # it is a pipe
        process.wait(60)
    return rows


def measure_import(name: str, state: Path, scratch: Path, environment: dict[str, str], runs: int) -> dict[str, Any]:
    """Measure imports into copies of `state`, each after its floor."""
    pairs: list[tuple[Run, Run]] = []
    requests, url = str(scratch / "requests.json"), environment["RECONCILER_GRAPH_URL"]
    for number in range(runs):
        copy = scratch / f"{name}-{number}"
        shutil.copytree(state, copy)
        floor = [sys.executable, str(HERE / "import_floor.py"), str(copy), requests, url]
        pairs.append((timed(floor, environment, {0}), timed([*IMPORT, str(copy)], environment, {0})))
        shutil.rmtree(copy)
    return {
        "import": name,
        "requests": len(json.loads(Path(requests).read_text())),
        "floor_s": round(statistics.median(pair[0].seconds for pair in pairs), 2),
        "import_s": round(statistics.median(pair[1].seconds for pair in pairs), 2),
        "ratio": round(statistics.median(pair[1].seconds / pair[0].seconds for pair in pairs), 2),
        "floor_mib": round(statistics.median(pair[0].peak_mib for pair in pairs)),
        "import_mib": round(statistics.median(pair[1].peak_mib for pair in pairs)),
    }


def main() -> None:
    """Measure the numbers of users on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("users", type=int, nargs="*", default=[10_000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for users in options.users:
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(users, Path(folder), options.runs):
                sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
