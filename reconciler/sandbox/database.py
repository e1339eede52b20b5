"""One SQLite file that several threads and processes may have open at once."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.sandbox.sandbox_error import SandboxError

# SQLite keeps this number at byte 68 of the header: it distinguishes a sandbox file from any other database.
APPLICATION_ID = 0x52434E53
SCHEMA_VERSION = 2
_BEFORE_OAUTH = 1
_MAGIC = b"SQLite format 3\x00"
_HEADER_SIZE = 100
_BUSY_SECONDS = 20.0

_OAUTH = (
    """CREATE TABLE oauth_clients (
        client_id TEXT PRIMARY KEY,
        secret TEXT NOT NULL,
        secret_expires REAL NOT NULL,
        redirect_uris TEXT NOT NULL)""",
    """CREATE TABLE oauth_codes (
        code TEXT PRIMARY KEY,
        redirect_uri TEXT NOT NULL,
        challenge TEXT,
        issued REAL NOT NULL,
        family TEXT)""",
    """CREATE TABLE oauth_families (
        family TEXT PRIMARY KEY,
        connected REAL NOT NULL,
        revoked INTEGER NOT NULL)""",
    """CREATE TABLE oauth_refresh_tokens (
        token TEXT PRIMARY KEY,
        family TEXT NOT NULL,
        issued REAL NOT NULL,
        replaced INTEGER NOT NULL)""",
    """CREATE TABLE oauth_access_tokens (
        token TEXT PRIMARY KEY,
        family TEXT NOT NULL,
        issued REAL NOT NULL,
        expires REAL NOT NULL)""",
)

SCHEMA = (
    """CREATE TABLE resources (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        name_key TEXT,
        external_id TEXT,
        body TEXT NOT NULL,
        created TEXT NOT NULL,
        modified TEXT NOT NULL,
        version TEXT NOT NULL,
        visible_from REAL NOT NULL,
        status TEXT NOT NULL,
        role TEXT NOT NULL,
        licences INTEGER NOT NULL DEFAULT 0)""",
    "CREATE UNIQUE INDEX resources_name ON resources (name_key) WHERE name_key IS NOT NULL",
    "CREATE INDEX resources_external ON resources (external_id) WHERE external_id IS NOT NULL",
    "CREATE TABLE accounts (name_key TEXT PRIMARY KEY, user_name TEXT NOT NULL, kind TEXT NOT NULL)",
    """CREATE TABLE reserved (
        name_key TEXT PRIMARY KEY,
        user_name TEXT NOT NULL,
        id TEXT NOT NULL,
        deleted_at REAL NOT NULL,
        licences INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE domains (name TEXT PRIMARY KEY)",
    """CREATE TABLE tokens (
        token TEXT PRIMARY KEY,
        issued REAL NOT NULL,
        first_used REAL,
        expires REAL NOT NULL,
        revoked INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE activity (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        code TEXT NOT NULL,
        user_name TEXT NOT NULL,
        detail TEXT NOT NULL)""",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    *_OAUTH,
)

CREDENTIAL_TABLES = (
    *("tokens", "oauth_clients", "oauth_codes", "oauth_families", "oauth_refresh_tokens", "oauth_access_tokens"),
)
TABLES = ("resources", "accounts", "reserved", "domains", "activity", "settings", *CREDENTIAL_TABLES)


class Database:
    """A connection per thread, and transactions that nest by joining the outer one.

    Raises SandboxError for a file that can't be opened, isn't a sandbox, or was made by another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        # Threads of one process queue here: SQLite's busy handler polls and is much slower under contention.
        self._writer = threading.RLock()
        check_path(path)
        with translate_errors(path):
            _prepare(self.connection, path)

    @property
    def connection(self) -> sqlite3.Connection:
        """The calling thread's connection, opened on first use."""
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            return existing
        opened = _connect(self.path)
        self._local.connection = opened
        with self._lock:
            self._connections.append(opened)
        return opened

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction, which an exception rolls back; a reader sees a consistent state."""
        if getattr(self._local, "inside", False):
            yield self.connection
            return
        guard = self._writer if write else contextlib.nullcontext()
        with guard, translate_errors(self.path), self._begin(write=write) as connection:
            yield connection

    @contextlib.contextmanager
    def _begin(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        connection = self.connection
        # A deferred transaction that writes later would fail at once if another process has written.
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        self._local.inside = True
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            self._local.inside = False

    def close(self) -> None:
        """Close every thread's connection; the last one removes SQLite's side files."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._local = threading.local()


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as SandboxError with a hint."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise SandboxError(
            f"The sandbox file {path} can't be used: {error}. Check its permissions and the free space; "
            "`reconciler sandbox reset` empties a damaged one."
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # Survives the end of any process, but not a power failure; waiting for the disk would dominate the time.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def is_sandbox_file(path: Path) -> bool:
    """Whether an existing file has the sandbox's application id; a damaged sandbox file still has it."""
    with path.open("rb") as file:
        header = file.read(_HEADER_SIZE)
    return header.startswith(_MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def check_path(path: Path) -> None:
    """Create the directory and the file if needed. Raises SandboxError if `path` cannot be a sandbox file."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            raise SandboxError(
                f"{path} is a directory. Name a file for the sandbox's state, e.g. {path / 'sandbox.db'}."
            )
        if not path.exists():
            # It contains the access token.
            path.touch(mode=0o600)
        if not path.is_file():
            # SQLite would wait for a named pipe for ever.
            raise SandboxError(f"{path} is not a regular file. Name another file for the sandbox.")
        # An empty file is a sandbox that another process is creating.
        if path.stat().st_size and not is_sandbox_file(path):
            raise SandboxError(f"{path} is not a sandbox file and was left alone. Name another file for the sandbox.")
    except OSError as error:
        raise SandboxError(
            f"The sandbox file {path} can't be opened: {error.strerror or error}. Check the path and its permissions."
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _read_version(connection)
    if version == 0:
        _create(connection)
    elif version == _BEFORE_OAUTH:
        _change(connection, version, _OAUTH)
    version = _read_version(connection)
    if version != SCHEMA_VERSION:
        raise SandboxError(
            f"The sandbox file {path} has format {version}, this version reads {SCHEMA_VERSION}. "
            "`reconciler sandbox reset` replaces it."
        )


def _read_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _change(connection: sqlite3.Connection, version: int, statements: Sequence[str]) -> None:
    """Run the statements that make a file of `version` one of this version."""
    connection.execute("BEGIN EXCLUSIVE")
    # Another process may have done it meanwhile.
    if _read_version(connection) == version:
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    _change(connection, 0, SCHEMA)
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to WAL, with retries: SQLite does not apply its busy timeout here."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
