"""A queue on a database of its own, tasks for it, and runners that take the place of tenants' processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from reconciler.fleet.cluster_job import ClusterJob
from reconciler.fleet.cluster_task import ClusterTask
from reconciler.fleet.result import TenantResult
from reconciler.scim.secret import Secret
from reconciler.session.fleet.cluster_database import create_tables, open_database
from reconciler.session.fleet.cluster_queue import ClusterQueue
from reconciler.session.fleet.cluster_worker import WorkerSettings, work
from support.servers.postgres import PostgresServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_SETTINGS = "target:\n  profile: apple-business-manager\n  base_url: https://example.com/scim/v2\n"
_T = TypeVar("_T")


def make_task(tenant: str, verb: str = "plan", run: str = "run-1") -> ClusterTask:
    return ClusterTask(tenant, verb, COMMIT, run)


class QueueOnPostgres:
    """The queue `fleet` on a new database with its tables. A worker counts as dead after `stalled_seconds`."""

    def __init__(self, server: PostgresServer, stalled_seconds: float = 1.0) -> None:
        self.server = server
        self.address = server.create_database()
        self.secret = Secret(self.address)
        self._stalled = stalled_seconds
        asyncio.run(create_tables(self.secret))

    def use(self, action: Callable[[ClusterQueue], Awaitable[_T]]) -> _T:
        async def run() -> _T:
            async with open_database(self.secret) as app:
                return await action(ClusterQueue(app, "fleet", self._stalled))

        return asyncio.run(run())

    def submit(self, *tenants: str, verb: str = "plan") -> dict[int, ClusterTask]:
        return self.use(lambda queue: queue.submit([make_task(tenant, verb) for tenant in tenants]))

    def jobs(self) -> list[ClusterJob]:
        return self.use(lambda queue: queue.list_jobs())[::-1]

    def states(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for job in self.jobs():
            found.setdefault(job.task.tenant if job.task is not None else "?", []).append(job.state)
        return found

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        return self.server.execute(self.address, statement)


def make_fleet(folder: Path, *tenants: str, below: str = "") -> Path:
    """A committed fleet of tenants on the sandbox, each with two users; in a folder of the repository if `below`."""
    repository = folder / "fleet"
    root = repository / below
    for name in tenants:
        (root / "tenants" / name / "users").mkdir(parents=True)
        (root / "tenants" / name / "tenant.yaml").write_text(f"domains: [{name}.example]\n", "utf-8")
        (root / "tenants" / name / "settings.yaml").write_text(_SETTINGS, "utf-8")
        users = [make_source_user(f"{who}@{name}.example") for who in ("ada", "grace")]
        (root / "tenants" / name / "users" / "all.yaml").write_text(json.dumps(users), "utf-8")
    (root / "fleet.yaml").write_text("tenants: tenants/*\n", "utf-8")
    run_git(repository, "init", "-q")
    run_git(repository, "add", "-A")
    run_git(repository, "commit", "-qm", "fleet")
    return root


def make_source_user(name: str) -> dict[str, object]:
    return {
        "objectId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "userPrincipalName": name,
        "givenName": "Ada",
        "surname": "Example",
        "employeeId": name.partition("@")[0],
        "accountEnabled": True,
    }


def run_git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    line = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


class Notes:
    """What a worker reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def refused(self, job: int, why: str) -> None:
        self.lines.append(f"refused {job}: {why}")

    def ended(self, job: int, result: TenantResult) -> None:
        self.lines.append(f"ended {job}: {result.tenant} {result.exit_code} {result.error}".strip())


class FileRunner:
    """Notes in files that a tenant began and ended, and takes `seconds` for it."""

    def __init__(self, folder: Path, seconds: float = 0.0) -> None:
        self._folder = folder
        self._seconds = seconds
        self._stop = threading.Event()

    def check(self, task: ClusterTask) -> str | None:
        return None

    def run(self, task: ClusterTask) -> TenantResult:
        self._note(task.tenant, "began")
        stopped = self._stop.wait(self._seconds)
        self._note(task.tenant, "ended")
        code = 130 if stopped else 0
        return TenantResult(task.tenant, task.verb, task.commit, task.run, code, seconds=self._seconds)

    def keep(self, task: ClusterTask, result: TenantResult) -> TenantResult:
        self._note(task.tenant, f"kept-{result.exit_code:d}")
        return result

    def stop(self) -> None:
        self._stop.set()

    def _note(self, tenant: str, word: str) -> None:
        with (self._folder / tenant).open("a", encoding="utf-8") as file:
            file.write(word + "\n")


def read_notes(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text("utf-8").split() for path in sorted(folder.iterdir())}


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something is so; fail if it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def main(arguments: Sequence[str]) -> None:
    """Work on the queue of `RECONCILER_CLUSTER_DSN` as a process: FOLDER SECONDS AT_ONCE [until-empty]."""
    folder, seconds, at_once, *until_empty = arguments
    settings = WorkerSettings(
        "fleet", COMMIT, int(at_once), bool(until_empty), heartbeat_seconds=0.2, stalled_seconds=1.0
    )
    work(Secret(os.environ["RECONCILER_CLUSTER_DSN"]), settings, FileRunner(Path(folder), float(seconds)), Notes())


if __name__ == "__main__":
    main(sys.argv[1:])
