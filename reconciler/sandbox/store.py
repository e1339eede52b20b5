"""The state of the sandbox except its users: taken names, tokens, domains, clock, quirks and activity log."""

import contextlib
import datetime as dt
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from reconciler.sandbox.attributes import name_key
from reconciler.sandbox.database import TABLES, Database
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.user_table import AccountTable

AccountKind = Literal["manual", "jit", "admin", "personal"]
ACCOUNT_KINDS: tuple[AccountKind, ...] = ("manual", "jit", "admin", "personal")

_DAY = 86400.0
# Documented by Apple: at most two tokens, each valid for a year, and invalid if unused for four days.
TOKEN_LIFE = 365 * _DAY
TOKEN_FIRST_USE = 4 * _DAY
MOST_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Account:
    """An account that SCIM doesn't own, and whose name is taken."""

    user_name: str
    kind: AccountKind


@dataclass(frozen=True, slots=True)
class ReservedName:
    """The name of a deleted user; `deleted_at` in seconds since 1970 of the simulated clock."""

    user_name: str
    id: str
    deleted_at: float
    licences: int = 0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token; times in seconds since 1970 of the simulated clock."""

    token: str
    issued: float
    first_used: float | None
    expires: float
    revoked: bool

    def valid(self, now: float) -> bool:
        """Whether the service accepts it at `now`."""
        connected = self.first_used is not None or now - self.issued <= TOKEN_FIRST_USE
        return connected and not self.revoked and now < self.expires


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of the activity log, which Apple shows in its web interface only."""

    at: str
    code: str
    user_name: str
    detail: str


class Store:
    """The sandbox's state in one file; safe for many threads and processes.

    Raises SandboxError, see `Database`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path)
        self.users = AccountTable(self.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        """Run the block in one transaction."""
        with self.database.transaction(write=write):
            yield

    # -- settings, clock ------------------------------------------------

    def get_setting(self, key: str) -> str | None:
        """Return a remembered setting."""
        row = self._rows("SELECT value FROM settings WHERE key = ?", key)
        return str(row[0][0]) if row else None

    def set_setting(self, key: str, value: str | None) -> None:
        """Remember a setting; None forgets it."""
        if value is None:
            self._write("DELETE FROM settings WHERE key = ?", key)
        else:
            self._write(
                "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value
            )

    def now(self) -> dt.datetime:
        """Return the simulated time, in UTC."""
        offset = dt.timedelta(seconds=float(self.get_setting("clock_offset") or 0))
        return dt.datetime.now(dt.UTC) + offset

    def timestamp(self) -> str:
        """Return the simulated time as an RFC 3339 text, in UTC, to the microsecond."""
        return format_rfc3339(self.now())

    def advance_clock(self, seconds: float) -> None:
        """Move the simulated clock forwards. Raises SandboxError for a negative time."""
        if seconds < 0:
            raise SandboxError("The simulated clock only goes forwards. `reconciler sandbox reset` sets it back.")
        with self.transaction(write=True):
            self.set_setting("clock_offset", repr(float(self.get_setting("clock_offset") or 0) + seconds))

    def get_quirks(self) -> Quirks:
        """Return the quirks kept in the file; Apple's behaviour when none are."""
        text = self.get_setting("quirks")
        return Quirks.from_mapping(json.loads(text)) if text else Quirks()

    def set_quirks(self, quirks: Quirks) -> None:
        """Keep quirks in the file; servers that weren't started with their own follow at once."""
        self.set_setting("quirks", json.dumps(quirks.to_mapping()))

    # -- domains --------------------------------------------------------

    def get_domains(self) -> frozenset[str] | None:
        """Return the verified domains in lower case, or None if none were set: every domain is accepted then."""
        if self.get_setting("domains_set") is None:
            return None
        return frozenset(name for (name,) in self._rows("SELECT name FROM domains"))

    def set_domains(self, names: Iterable[str] | None) -> None:
        """Replace the verified domains; None goes back to accepting every domain."""
        with self.transaction(write=True):
            self._write("DELETE FROM domains")
            self.set_setting("domains_set", None if names is None else "yes")
            for name in names or ():
                self._write("INSERT OR IGNORE INTO domains VALUES (?)", name_key(name))

    # -- names that are taken -------------------------------------------

    def add_account(self, user_name: str, kind: AccountKind) -> None:
        """Add an account that SCIM doesn't own; it replaces one of the same name."""
        self._write("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", name_key(user_name), user_name, kind)

    def find_account(self, user_name: str) -> Account | None:
        """Return the account outside SCIM that has a name."""
        rows = self._rows("SELECT user_name, kind FROM accounts WHERE name_key = ?", name_key(user_name))
        return Account(*rows[0]) if rows else None

    def list_accounts(self) -> list[Account]:
        """Return every account outside SCIM, by name."""
        return [Account(*row) for row in self._rows("SELECT user_name, kind FROM accounts ORDER BY name_key")]

    def remove_account(self, user_name: str) -> None:
        """Remove an account outside SCIM."""
        self._write("DELETE FROM accounts WHERE name_key = ?", name_key(user_name))

    def reserve(self, reserved: ReservedName) -> None:
        """Keep a deleted user's name."""
        self._write(
            "INSERT OR REPLACE INTO reserved VALUES (?, ?, ?, ?, ?)",
            name_key(reserved.user_name),
            reserved.user_name,
            reserved.id,
            reserved.deleted_at,
            reserved.licences,
        )

    def find_reserved(self, user_name: str) -> ReservedName | None:
        """Return the deleted user that had a name, however long ago."""
        query = "SELECT user_name, id, deleted_at, licences FROM reserved WHERE name_key = ?"
        rows = self._rows(query, name_key(user_name))
        return ReservedName(*rows[0]) if rows else None

    def list_reserved_names(self) -> list[ReservedName]:
        """Return every deleted user, by name."""
        query = "SELECT user_name, id, deleted_at, licences FROM reserved ORDER BY name_key"
        return [ReservedName(*row) for row in self._rows(query)]

    def release(self, user_name: str) -> None:
        """Free a deleted user's name."""
        self._write("DELETE FROM reserved WHERE name_key = ?", name_key(user_name))

    # -- tokens ---------------------------------------------------------

    def issue_token(self) -> str:
        """Return a new token. Raises SandboxError when two are in use, as Apple allows no third."""
        with self.transaction(write=True):
            now = self.now().timestamp()
            if sum(token.valid(now) for token in self.list_tokens()) >= MOST_TOKENS:
                raise SandboxError("There are two access tokens already. Revoke one first.")
            text = secrets.token_urlsafe(32)
            self._write("INSERT INTO tokens VALUES (?, ?, NULL, ?, 0)", text, now, now + TOKEN_LIFE)
        return text

    def find_token(self, text: str) -> AccessToken | None:
        """Return a token by its text."""
        rows = self._rows("SELECT token, issued, first_used, expires, revoked FROM tokens WHERE token = ?", text)
        return _to_token(rows[0]) if rows else None

    def list_tokens(self) -> list[AccessToken]:
        """Return every token, oldest first."""
        query = "SELECT token, issued, first_used, expires, revoked FROM tokens ORDER BY issued, rowid"
        return [_to_token(row) for row in self._rows(query)]

    def get_usable_token(self) -> str:
        """Return the newest valid token, or a new one."""
        with self.transaction(write=True):
            now = self.now().timestamp()
            valid = [token.token for token in self.list_tokens() if token.valid(now)]
            return valid[-1] if valid else self.issue_token()

    def change_token(self, text: str, *, expires: float | None = None, revoked: bool = False) -> None:
        """Revoke a token, or set when it expires, in seconds since 1970 of the simulated clock."""
        query = "UPDATE tokens SET expires = coalesce(?, expires), revoked = max(revoked, ?) WHERE token = ?"
        self._write(query, expires, int(revoked), text)

    def mark_used(self, token: AccessToken) -> None:
        """Remember the first good request with a token: it makes the connection active."""
        query = "UPDATE tokens SET first_used = ? WHERE token = ? AND first_used IS NULL"
        self._write(query, self.now().timestamp(), token.token)

    # -- log ------------------------------------------------------------

    def log(self, code: str, user_name: str, detail: str) -> None:
        """Add a line to the activity log."""
        query = "INSERT INTO activity (at, code, user_name, detail) VALUES (?, ?, ?, ?)"
        self._write(query, self.timestamp(), code, user_name, detail)

    def list_activity(self) -> list[Activity]:
        """Return the activity log, oldest first."""
        return [Activity(*row) for row in self._rows("SELECT at, code, user_name, detail FROM activity ORDER BY seq")]

    # -- all of it ------------------------------------------------------

    def clear(self, *, keep: Iterable[str] = ()) -> None:
        """Empty every table but those named."""
        kept = frozenset(keep)
        with self.transaction(write=True):
            for table in TABLES:
                if table not in kept:
                    self._write(f"DELETE FROM {table}")  # noqa: S608 - constant names

    def _write(self, query: str, *values: object) -> None:
        with self.database.transaction(write=True) as connection:
            connection.execute(query, values)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.connection.execute(query, values).fetchall()


def _to_token(row: tuple[Any, ...]) -> AccessToken:
    text, issued, first_used, expires, revoked = row
    return AccessToken(text, issued, first_used, expires, bool(revoked))


def format_rfc3339(moment: dt.datetime) -> str:
    """Return a moment as RFC 3339 text in UTC."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


@contextlib.contextmanager
def open_store(state: Path) -> Iterator[Store]:
    """Open the sandbox file for the block, in one transaction. Raises SandboxError."""
    store = Store(state)
    try:
        with store.transaction(write=True):
            yield store
    finally:
        store.close()
