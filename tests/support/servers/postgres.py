"""A Postgres server of Debian's packages on 127.0.0.1, in a temporary directory, that ends with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

PASSWORD = "canary-Pg.7uQ"
_SECONDS = 60
_ACCOUNT = "postgres"
"""Postgres refuses to run as root."""


def find_postgres() -> Path | None:
    """Return the directory of the newest `postgres` of Debian; None if there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


class PostgresServer:
    """Runs from its construction to `close`. Its superuser is `postgres` with `PASSWORD`."""

    def __init__(self, programs: Path) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="reconciler-pg-"))
        self._programs = programs
        self.port = _find_port()
        self._databases = 0
        password = self._home / "password"
        password.write_text(PASSWORD, "utf-8")
        self._give_away()
        data = self._home / "data"
        made = ("--auth=scram-sha-256", f"--pwfile={password}", "--username=postgres", "--encoding=UTF8", "--no-sync")
        subprocess.run(
            [*self._as_account(), str(programs / "initdb"), "-D", str(data), *made],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=_SECONDS,
            cwd=self._home,
        )
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 200,
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [*self._as_account(), str(programs / "postgres"), "-D", str(data), *flags],
            stdout=subprocess.DEVNULL,
            stderr=(self._home / "log").open("wb"),
            cwd=self._home,
        )
        self._wait()

    def create_database(self) -> str:
        """Return the address of a new database."""
        self._databases += 1
        name = f"fleet_{os.getpid()}_{self._databases}"
        self.execute(self.address("postgres"), f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, database: str, user: str = "postgres") -> str:
        """Return a connection string with the password."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def execute(self, address: str, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement by the superuser; return its rows."""
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """End it: SIGINT ends all connections; at last it is killed."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        shutil.rmtree(self._home, ignore_errors=True)

    def _give_away(self) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            for path in (self._home, *self._home.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)

    def _as_account(self) -> list[str]:
        change = ["--reuid", _ACCOUNT, "--regid", _ACCOUNT, "--clear-groups"] if os.geteuid() == 0 else []
        # It ends with the process of the tests, also if that is killed.
        return ["setpriv", "--pdeathsig", "INT", *change]

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS
        while True:
            try:
                self.execute(self.address("postgres"), "SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    log = (self._home / "log").read_text("utf-8", "replace")[-2000:]
                    self.close()
                    raise RuntimeError(f"Postgres did not start: {log}") from None
                time.sleep(0.05)
            else:
                return


def _find_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
