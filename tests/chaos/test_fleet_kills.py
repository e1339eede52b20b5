"""kill -9 of a fleet's command, its fork server or a tenant's process at random writes; then the same command again.

`pytest tests/chaos/test_fleet_kills.py --chaos-kills 200` is a night's.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from support.fleet_workspace import FleetWorkspace, list_processes, open_fleet, users_of
from support.servers.fake_scim import Logged

NAMES = ("acme", "globex", "initech", "umbrella")
SIZE, NEW = 6, 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and needs a signal at the end of a parent"),
]


class Killer:
    """Kills one of the processes of a run, when the service has carried out a certain write and not yet answered it."""

    def __init__(self, chance: random.Random) -> None:
        self.victim = chance.choice(("command", "server", "tenant"))
        self._left = chance.randint(1, (SIZE + NEW) * len(NAMES) // 2)
        self._chance = chance
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, entry: Logged) -> None:
        with self._lock:
            if entry.method == "GET" or self.process is None:
                return
            self._left -= 1
            if self._left == 0:
                for victim in self._find(self.process.pid):
                    os.kill(victim, signal.SIGKILL)

    def _find(self, command: int) -> list[int]:
        if self.victim == "command":
            return [command]
        servers = list_children(command)
        if self.victim == "server":
            return servers
        tenants = [each for server in servers for each in list_children(server)]
        return [self._chance.choice(tenants)] if tenants else []


def list_children(parent: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(file.parent.name))
    return found


def wait_for_the_end(home: str) -> None:
    end = time.monotonic() + 30
    while left := list_processes(home):
        assert time.monotonic() < end, f"orphans: {left}"
        time.sleep(0.05)


def check(fleet: FleetWorkspace, department: str) -> None:
    """Every tenant is exact, nothing was created twice, and receipts name every user that was written."""
    for name in NAMES:
        service = fleet.services[name]
        wanted = {user["userName"] for user in users_of(name, SIZE + NEW)}
        assert Counter(user["userName"] for user in service.users.values()) == dict.fromkeys(wanted, 1)
        assert fleet.departments(name) == {department}
        receipts = "".join(file.read_text() for file in fleet.receipts(name))
        for entry in service.writes:
            assert entry.method != "DELETE"
            if entry.method != "POST":
                assert f'"id": "{entry.path.rpartition("/")[2]}"' in receipts
        assert all(f"u{number}@{name}.example" in receipts for number in range(SIZE + NEW))


def test_killed_processes_leave_no_orphan_and_the_same_command_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    seed = (pytestconfig.getoption("--chaos-seed") or [20261130])[0]
    chance = random.Random(seed)  # noqa: S311
    victims: Counter[str] = Counter()
    with open_fleet(tmp_path, monkeypatch, *NAMES, size=SIZE) as fleet:
        for number in range(pytestconfig.getoption("--chaos-kills")):
            department = f"Round {number}"
            for name in NAMES:
                fleet.desire(name, SIZE + NEW, department=department)
            killer = Killer(chance)
            for service in fleet.services.values():
                service.after = killer
            killer.process = fleet.start("apply", "--auto-approve", "-o", "out", stdout=subprocess.DEVNULL)
            killer.process.communicate(timeout=120)
            victims[killer.victim] += 1
            wait_for_the_end(fleet.environment["HOME"])
            for service in fleet.services.values():
                service.after = None
            again = fleet.run("apply", "--auto-approve", "--retry-failed")
            assert again.code == 0, (seed, number, killer.victim, again.out, again.err)
            check(fleet, department)
            for service in fleet.services.values():
                service.log.clear()
    assert sum(victims.values()) == pytestconfig.getoption("--chaos-kills")
