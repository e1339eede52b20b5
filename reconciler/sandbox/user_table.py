"""The table of SCIM resources in the sandbox's file."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.attributes import name_key
from reconciler.sandbox.database import Database

_COLUMNS = "id, type, body, created, modified, version, visible_from, status, role, licences"


@dataclass(frozen=True, slots=True)
class UserRow:
    """One stored resource.

    `body` is its SCIM JSON without `id` and `meta`; `created` and `modified` are RFC 3339 texts; `visible_from` is
    the simulated time, in seconds since 1970, from which lists show it. `status` (NEW, ACTIVE, DEACTIVATED), `role`
    and `licences` are visible to administrators only, never over SCIM.
    """

    id: str
    body: Mapping[str, Any]
    created: str
    modified: str
    version: str
    type: str = "User"
    visible_from: float = 0.0
    status: str = "NEW"
    role: str = "Staff"
    licences: int = 0

    @property
    def user_name(self) -> str | None:
        """The `userName`, if the resource has one."""
        name: str | None = self.body.get("userName")
        return name

    @property
    def external_id(self) -> str | None:
        """The `externalId`, if the resource has one."""
        value: str | None = self.body.get("externalId")
        return value


def _to_row(columns: tuple[Any, ...]) -> UserRow:
    identifier, kind, body, *rest = columns
    created, modified, version, visible_from, status, role, licences = rest
    return UserRow(identifier, json.loads(body), created, modified, version, kind, visible_from, status, role, licences)


def _to_columns(row: UserRow) -> dict[str, object]:
    return {
        "id": row.id,
        "type": row.type,
        "name_key": None if row.user_name is None else name_key(row.user_name),
        "external_id": row.external_id,
        # ASCII, because a lone surrogate is valid JSON but not valid UTF-8 in SQLite.
        "body": json.dumps(row.body, separators=(",", ":")),
        "created": row.created,
        "modified": row.modified,
        "version": row.version,
        "visible_from": row.visible_from,
        "status": row.status,
        "role": row.role,
        "licences": row.licences,
    }


class AccountTable:
    """Reads and writes resources; every method joins an open transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, *rows: UserRow) -> None:
        """Add resources at the end of the list."""
        columns = [_to_columns(row) for row in rows]
        if columns:
            names = ", ".join(columns[0])
            marks = ", ".join(f":{name}" for name in columns[0])
            with self._database.transaction(write=True) as connection:
                connection.executemany(f"INSERT INTO resources ({names}) VALUES ({marks})", columns)  # noqa: S608 - constant names

    def update(self, row: UserRow) -> None:
        """Replace the resource with the same id; its place in the list stays."""
        columns = _to_columns(row)
        changes = ", ".join(f"{name} = :{name}" for name in columns if name != "id")
        with self._database.transaction(write=True) as connection:
            connection.execute(f"UPDATE resources SET {changes} WHERE id = :id", columns)  # noqa: S608 - constant names

    def delete(self, identifier: str) -> None:
        """Remove a resource."""
        with self._database.transaction(write=True) as connection:
            connection.execute("DELETE FROM resources WHERE id = ?", (identifier,))

    def get(self, identifier: str, kind: str = "User") -> UserRow | None:
        """Return a resource of a type by its id."""
        return self._one("id = ? AND type = ?", (identifier, kind))

    def find_by_name(self, user_name: str) -> UserRow | None:
        """Return the user with a name, ignoring case."""
        return self._one("name_key = ?", (name_key(user_name),))

    def find_by_external_id(self, external_id: str) -> UserRow | None:
        """Return the first user with an externalId."""
        return self._one("external_id = ?", (external_id,))

    def list_all(self, kinds: Iterable[str] = ("User",)) -> list[UserRow]:
        """Return every resource of some types, oldest first."""
        wanted = tuple(kinds)
        marks = ", ".join("?" for _ in wanted)
        return self._rows(f"type IN ({marks}) ORDER BY seq", wanted)

    def list_page(self, *, now: float, skip: int, count: int) -> list[UserRow]:
        """Return at most `count` users that lists show at `now`, leaving out the first `skip`."""
        visible = "type = 'User' AND visible_from <= ? ORDER BY seq LIMIT ? OFFSET ?"
        # SQLite refuses integers of more than 64 bits.
        return self._rows(visible, (now, min(count, _LARGEST_INTEGER), min(skip, _LARGEST_INTEGER)))

    def count(self, *, now: float) -> int:
        """Return how many users lists show at `now`."""
        query = "SELECT count(*) FROM resources WHERE type = 'User' AND visible_from <= ?"
        return int(self._database.connection.execute(query, (now,)).fetchone()[0])

    def _one(self, condition: str, values: tuple[object, ...]) -> UserRow | None:
        found = self._rows(f"{condition} ORDER BY seq LIMIT 1", values)
        return found[0] if found else None

    def _rows(self, condition: str, values: tuple[object, ...]) -> list[UserRow]:
        cursor: sqlite3.Cursor = self._database.connection.execute(
            f"SELECT {_COLUMNS} FROM resources WHERE {condition}",  # noqa: S608 - conditions of this module
            values,
        )
        return [_to_row(columns) for columns in cursor]


_LARGEST_INTEGER = 2**62
