"""What the commands cost that read a whole fleet: `fleet matrix`, `gather`, `gate`, `status` and `validate`.

    .venv/bin/python tests/benchmarks/fleet_gates.py 1000 10000 [--users 20]

For each number of tenants: a repository in which the last commit changed one tenant of a hundred, and a result and a
plan for each tenant. `cpu`: seconds of the processor with git, the least of five runs; `mib`: peak memory with git. The
commands take turns, so that what else the machine does is in the way of each of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from measures import FLOOR, PYTHON, make_environment
from processes import RECONCILER, Run, timed

from reconciler.fleet.result import TenantResult, to_json

_ROUNDS = 5
_PLAN_ID = f"sha256:{'a' * 64}"
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0")


def make_fleet(root: Path, tenants: int, users: int) -> str:
    """Write and commit a fleet, twice; return the last commit."""
    (root / "defaults").mkdir(parents=True)
    (root / "fleet.yaml").write_text("tenants: tenants/*\nwaves: [{name: canary, percent: 1}, {name: rest}]\n")
    (root / "defaults/settings.yaml").write_text("target:\n  profile: scim\n  base_url: https://scim.example.com/v2\n")
    for number in range(tenants):
        folder = root / "tenants" / f"t{number:05}"
        (folder / "users").mkdir(parents=True)
        (folder / "tenant.yaml").write_text(f"domains: [t{number}.example]\n")
        (folder / "users/people.yaml").write_text("".join(_format_user(number, user) for user in range(users)))
    _git(root, "init", "--quiet", "--initial-branch=main")
    _commit(root)
    for number in range(0, tenants, 100):
        path = root / "tenants" / f"t{number:05}" / "users/people.yaml"
        path.write_text(path.read_text().replace("Given", "Changed"))
    return _commit(root)


def _format_user(tenant: int, user: int) -> str:
    name = f"user{user}@t{tenant}.example"
    return f"- userPrincipalName: {name}\n  objectId: {tenant}-{user}\n  givenName: Given\n  surname: Surname{user}\n"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *_IDENTITY, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _commit(root: Path) -> str:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "-m", "change")
    return _git(root, "rev-parse", "HEAD")


def write_results(out: Path, commit: str, tenants: int) -> None:
    """Write a result and a plan for each tenant, as `fleet plan -o` does."""
    changes = [{"action": action, "detail": "x" * 2_000} for action in ("create", "update", "update")]
    kept = {"unchanged": 17, "unmanaged": 0, "failed": 0}
    plan = json.dumps({"plan_id": _PLAN_ID, "summary": kept, "resource_changes": changes}, indent=2)
    counts = {"create": 1, "update": 2, "unchanged": 17}
    for number in range(tenants):
        name = f"t{number:05}"
        folder = out / name
        folder.mkdir(parents=True)
        result = TenantResult(name, "plan", commit, "local", 0, _PLAN_ID, counts=counts, seconds=1.5)
        (folder / "result.json").write_text(to_json(result))
        (folder / "plan.json").write_text(plan)


def measure(tenants: int, users: int) -> dict[str, Any]:
    """Return the figures of one fleet. `floor` is to hash the files of its tenants."""
    with tempfile.TemporaryDirectory() as scratch:
        root, out = Path(scratch) / "fleet", Path(scratch) / "out"
        commit = make_fleet(root, tenants, users)
        write_results(out, commit, tenants)
        at = ("--fleet", str(root))
        verbs = {
            "matrix": ("matrix", *at, "--base", "HEAD~1"),
            "matrix of all": ("matrix", *at),
            "gather": ("gather", *at, str(out)),
            "gate": ("gate", *at, "--verb", "plan", str(out)),
            "status": ("status", *at),
            "validate": ("validate", *at),
            "validate --base": ("validate", *at, "--base", "HEAD~1"),
        }
        commands = {name: [*RECONCILER, "fleet", *verb] for name, verb in verbs.items()}
        commands["floor"] = [PYTHON, FLOOR, str(root / "tenants"), "--hash"]
        environment = make_environment(Path(scratch))
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(_ROUNDS):
            for name, command in commands.items():
                # `status` says with 1 that no tenant has an apply on record.
                runs[name].append(timed(command, environment, (0, 1) if name == "status" else (0,)))
        return {"tenants": tenants, **{name: _summarize(each) for name, each in runs.items()}}


def _summarize(runs: list[Run]) -> dict[str, float]:
    return {"cpu": round(min(run.cpu_seconds for run in runs), 3), "mib": round(max(run.peak_mib for run in runs))}


def main() -> None:
    """Print a line of JSON for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tenants", type=int, nargs="+")
    parser.add_argument("--users", type=int, default=20)
    options = parser.parse_args()
    for size in options.tenants:
        print(json.dumps(measure(size, options.users)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
