"""Invariants after any sequence of applies, checked on the service's own journal and the receipts, without the product.

Each check raises an `AssertionError` that says what is wrong.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from support.chaos.expected_users import ExpectedUser, essence
from support.chaos.services import Commit
from support.servers.patching import User

_NOTHING = "already in effect"
_REMOVALS = {"deactivate", "delete"}


def receipts(plans: Path) -> list[dict[str, Any]]:
    """Return the complete lines of all receipts, without a line that a crash cut short."""
    files = sorted(plans.glob("*/receipt.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().split(b"\n")[:-1]]


class Announcements:
    """The users for which receipts announce a request; receipts are read as they grow."""

    def __init__(self, plans: Path) -> None:
        self._plans = plans
        self._read: Counter[Path] = Counter()
        self._addresses: set[str] = set()
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Read all receipts again: a test has truncated one."""
        with self._lock:
            self._read.clear()
            self._addresses.clear()

    def includes(self, person: ExpectedUser) -> bool:
        with self._lock:
            for file in self._plans.glob("*/receipt.jsonl"):
                self._read_on(file)
            return person.address in self._addresses

    def _read_on(self, file: Path) -> None:
        with file.open("rb") as opened:
            opened.seek(self._read[file])
            for line in opened:
                if not line.endswith(b"\n"):
                    return
                self._read[file] += len(line)
                entry = json.loads(line)
                if entry["event"] == "started":
                    self._addresses.add(entry["address"])


def assert_state_is_desired(people: Iterable[ExpectedUser], found: Iterable[User]) -> None:
    wanted = [essence(person.after) for person in people if person.after is not None]
    there = [essence(user) for user in found]
    missing = [user for user in wanted if user not in there]
    surplus = [user for user in there if user not in wanted]
    assert not missing, f"not as desired: {missing}; instead: {surplus}"
    assert not surplus, f"accounts without a desired user: {surplus}"
    assert len(there) == len(wanted), "an account exists twice"


def assert_each_user_is_created_once(people: Iterable[ExpectedUser], commits: Iterable[Commit]) -> None:
    created = Counter(commit.external_id for commit in commits if commit.action == "create")
    assert created == Counter(person.external_id for person in people if person.action == "create")


def assert_only_planned_changes(people: Iterable[ExpectedUser], commits: Iterable[Commit]) -> None:
    """No other user was changed or removed, and no removal happened twice."""
    planned = {person.external_id: person.action for person in people if person.action is not None}
    removed: Counter[str | None] = Counter()
    for commit in commits:
        action = planned.get(commit.external_id or "")
        assert action == commit.action, f"{commit.action} happened, planned was {action}: {commit}"
        removed[commit.external_id] += commit.action in _REMOVALS
    assert max(removed.values(), default=0) <= 1


def assert_every_change_is_recorded(
    people: Iterable[ExpectedUser], commits: Sequence[Commit], lines: Sequence[Any]
) -> None:
    """Receipts announced every request that changed something, and report nothing as done that did not happen."""
    happened = Counter(commit.external_id for commit in commits)
    announced = Counter(line["address"] for line in lines if line["event"] == "started")
    done = Counter(line["address"] for line in lines if line.get("result") == "done" and line["message"] != _NOTHING)
    for person in people:
        changes = happened[person.external_id]
        assert changes <= announced[person.address], f"{person.address}: {changes} changes, not all announced"
        assert done[person.address] <= changes, f"{person.address} is reported done more often than it happened"


def assert_failures_are_true(people: Iterable[ExpectedUser], commits: Iterable[Commit], lines: Sequence[Any]) -> None:
    """No user was created whose creation is only reported as failed."""
    created = {commit.external_id for commit in commits if commit.action == "create"}
    ends: dict[str, set[str]] = {}
    for line in lines:
        if line["event"] == "finished" and line["action"] == "create":
            ends.setdefault(line["address"], set()).add(line["result"])
    for person in people:
        lied = ends.get(person.address) == {"failed"} and person.external_id in created
        assert not lied, f"{person.address} is reported failed, but was created"
