"""Expected users, a service, the fault injector between it and the command, and processes that may be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from support.chaos import invariants
from support.chaos.expected_users import ExpectedUser
from support.chaos.fault_injector import Injector
from support.chaos.fault_schedule import Schedule
from support.chaos.services import Commit
from support.servers.patching import User
from support.workspace import Workspace

COMMAND = Path(sys.executable).parent / "reconciler"
_SECONDS = 120


class Service(Protocol):
    """A service with a journal of its own."""

    base_url: str
    token: str

    def commits(self) -> list[Commit]: ...
    def people(self) -> list[User]: ...


class ChaosScenario(Workspace):
    """A workspace whose requests go through the injector. `codes` are the exit codes of the runs."""

    def __init__(
        self,
        root: Path,
        service: Service,
        people: Sequence[ExpectedUser],
        schedule: Schedule,
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.people = people
        self.service = service
        self.unannounced: list[str] = []
        self.codes: list[int] = []
        ids = {person.before["id"]: person.external_id for person in people if person.before is not None}
        self.injector = Injector(service.base_url, schedule, ids, self._arriving)
        self.announced = invariants.Announcements(root / "plans")
        self._by_id = {person.external_id: person for person in people}
        self.injector.__enter__()
        super().__init__(root, self.injector.base_url, service.token, patch)
        all_of_them = {"count": 1000, "percent": 100}
        guards = {"removals": all_of_them, "reactivations": all_of_them, "name_takeovers": {"count": 1000}}
        self.settings(lifecycle={"removed": "delete"}, guards=guards)
        self.users(person.written for person in people if person.written is not None)

    def _arriving(self, person: str) -> None:
        known = self._by_id.get(person)
        if known is None or not self.announced.includes(known):
            self.unannounced.append(person)

    def close(self) -> None:
        self.injector.__exit__()

    def line(self, command: str, *arguments: str) -> list[str]:
        """Return the arguments after `reconciler`."""
        return [command, *arguments, "--state", str(self.state), "--plans", str(self.plans), "--no-color"]

    # --- the installed command ------------------------------------------------

    def start(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the installed command, with its output in a file."""
        number = len(list(self.root.glob("out-*")))
        with (self.root / f"out-{number}").open("wb") as out:
            line = [COMMAND, *self.line(command, *arguments)]
            return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def once(self, command: str, *arguments: str) -> int:
        """Run the installed command to its end and return its exit code, -9 if it was killed."""
        process = self.start(command, *arguments)
        self.injector.aim(process.pid)
        try:
            # Under faults a run takes at worst seconds per user: the rate adapts to what looks like a limit.
            code = process.wait(timeout=_SECONDS + 3 * len(self.people))
        finally:
            process.kill()
        self.injector.settle()
        self.codes.append(code)
        return code

    def until_done(self, command: str, *arguments: str, runs: int) -> None:
        """Run the same command until it succeeds. Raises `AssertionError` after `runs` runs."""
        for _ in range(runs):
            if self.once(command, *arguments) == 0:
                return
        raise AssertionError(f"not done after {runs} runs: {self.codes}\n{self.last_output()}")

    def last_output(self) -> str:
        """Return the output of the last processes."""
        files = sorted(self.root.glob("out-*"), key=lambda path: path.stat().st_mtime)[-3:]
        return "\n".join(f"--- {path.name}\n{path.read_text('utf-8')}" for path in files)

    # --- invariants ---------------------------------------------------------------

    def check(self) -> None:
        """Check all invariants."""
        commits, lines = self.service.commits(), invariants.receipts(self.plans)
        invariants.assert_state_is_desired(self.people, self.service.people())
        invariants.assert_each_user_is_created_once(self.people, commits)
        invariants.assert_only_planned_changes(self.people, commits)
        invariants.assert_every_change_is_recorded(self.people, commits, lines)
        invariants.assert_failures_are_true(self.people, commits, lines)
        assert self.unannounced == [], "a write reached the service that no receipt had announced"
