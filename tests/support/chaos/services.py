"""Services that keep a journal of every change, which the invariants are checked on."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from reconciler.sandbox.seed import seed
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults
from support.servers.patching import User


@dataclass(frozen=True, slots=True)
class Commit:
    """One real change of an account; None: there was or is no account."""

    identity: str
    before: User | None
    after: User | None

    @property
    def external_id(self) -> str | None:
        """The externalId of the user; adoption sets it, and nothing removes it."""
        user: User = self.after or self.before or {}
        return user.get("externalId")

    @property
    def action(self) -> str:
        """`create`, `delete`, `deactivate`, `reactivate`, `adopt` or `update`: what really happened."""
        if self.before is None or self.after is None:
            return "create" if self.before is None else "delete"
        if self.before.get("externalId") != self.after.get("externalId"):
            return "adopt"
        was, is_ = self.before.get("active", True), self.after.get("active", True)
        return "update" if was == is_ else "reactivate" if is_ else "deactivate"


class RecordingServer(FakeScimServer):
    """The fake server with a journal: one line for each change, written before the response.

    `unique`: whether it rejects a userName that is taken; without it a user created twice shows.
    """

    def __init__(self, journal: Path, users: Iterable[User], *, unique: bool = True) -> None:
        super().__init__(ServerFaults(), users)
        self._journal = journal
        self._unique = unique
        self._known = dict(self.users)
        self.after = self._record

    def _must_be_free(self, user_name: str, own_id: str | None) -> None:
        if self._unique:
            super()._must_be_free(user_name, own_id)

    def _record(self, entry: Logged) -> None:
        if not entry.nth_write:
            return
        with self._journal.open("a", encoding="utf-8") as file:
            for identity in self._known.keys() | self.users.keys():
                before, after = self._known.get(identity), self.users.get(identity)
                if before is not after and before != after:
                    file.write(json.dumps({"identity": identity, "before": before, "after": after}) + "\n")
        self._known = dict(self.users)

    def commits(self) -> list[Commit]:
        if not self._journal.exists():
            return []
        return [Commit(**json.loads(line)) for line in self._journal.read_text("utf-8").splitlines()]

    def people(self) -> list[User]:
        return list(self.users.values())


_JOURNAL = """
CREATE TABLE journal (seq INTEGER PRIMARY KEY, identity TEXT, before TEXT, after TEXT);
CREATE TRIGGER came AFTER INSERT ON resources
    BEGIN INSERT INTO journal (identity, after) VALUES (NEW.id, NEW.body); END;
CREATE TRIGGER went AFTER DELETE ON resources
    BEGIN INSERT INTO journal (identity, before) VALUES (OLD.id, OLD.body); END;
CREATE TRIGGER changed AFTER UPDATE ON resources WHEN OLD.body != NEW.body
    BEGIN INSERT INTO journal (identity, before, after) VALUES (OLD.id, OLD.body, NEW.body); END;
"""


class Sandbox:
    """`reconciler sandbox serve` as a process of its own; the database itself keeps the journal."""

    def __init__(self, command: Path, root: Path, users: Iterable[User]) -> None:
        self.file = root / ".reconciler" / "sandbox.db"
        self.file.parent.mkdir(parents=True)
        seed(self.file, {"domains": ["example.com"], "users": list(users)})
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            database.executescript(_JOURNAL)
        line = [command, "sandbox", "serve", "--state", str(root / "desired-state"), "--port", "0"]
        self._output = root / "sandbox.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(line, stdout=output, stderr=output)
        announced = self._announcement()
        self.base_url = announced["listens on"]
        self.token = announced["token:"]

    def _announcement(self) -> dict[str, str]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.findall(r"(listens on|token:) (\S+)\n", self._output.read_text())
            if len(found) == 2:
                return dict(found)
            time.sleep(0.02)
        raise AssertionError(self._output.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def commits(self) -> list[Commit]:
        rows = self._rows("SELECT identity, before, after FROM journal ORDER BY seq")
        return [Commit(identity, *(json.loads(side) if side else None for side in sides)) for identity, *sides in rows]

    def people(self) -> list[User]:
        rows = self._rows("SELECT id, body FROM resources WHERE type = 'User'")
        return [{"id": identity, **json.loads(body)} for identity, body in rows]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()
