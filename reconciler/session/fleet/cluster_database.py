"""Connect to the queue's database, and explain what can go wrong with it without a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from reconciler.core.text import escape_control, shorten
from reconciler.errors import FleetError
from reconciler.fleet.cluster_task import MAX_TASK_BYTES, TASK_NAME
from reconciler.fleet.result import MAX_BYTES
from reconciler.scim.secret import Secret

_LIBRARIES = ("procrastinate", "psycopg", "psycopg.pool")
_LOST = "The database did not answer, or refused the request. Nothing is queued or run twice by trying again."
_REMOVED = (
    "What was running was finished; its jobs are stalled or closed: reconciler fleet jobs. Start the worker again."
)
_NO_TABLES = "Make them once, as a role that may: reconciler fleet init-queue"
_OTHER_VERSION = "Use the same version of reconciler everywhere; after an upgrade run: reconciler fleet init-queue"
# Without the index, taking a job is a scan of all that wait until Postgres has looked at the table: 12 s of its CPU for
# 1,000 jobs in place of 3. A row that another client adds can be neither large nor of another shape, whatever its task.
_TABLES = f"""
CREATE TABLE IF NOT EXISTS reconciler_results (
    job bigint PRIMARY KEY REFERENCES procrastinate_jobs (id) ON DELETE CASCADE,
    worker text NOT NULL CHECK (char_length(worker) <= 200),
    result text CHECK (octet_length(result) <= {MAX_BYTES})
);
CREATE INDEX IF NOT EXISTS reconciler_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');
CREATE INDEX IF NOT EXISTS reconciler_failed ON procrastinate_jobs ((args ->> 'submission')) WHERE status = 'failed';
ALTER TABLE procrastinate_jobs DROP CONSTRAINT IF EXISTS reconciler_task;
ALTER TABLE procrastinate_jobs ADD CONSTRAINT reconciler_task CHECK (
    queue_name NOT LIKE 'reconciler-%'
    OR (jsonb_typeof(args) = 'object' AND octet_length(args::text) <= {MAX_TASK_BYTES}
        AND task_name = '{TASK_NAME}' AND lock IS NOT NULL AND queueing_lock IS NOT NULL
        AND octet_length(lock) <= 200 AND octet_length(queueing_lock) <= 200)
);
"""


@asynccontextmanager
async def open_database(address: Secret, connections: int = 2, seconds: float = 10.0) -> AsyncIterator[App]:
    """Yield the application of procrastinate, connected. Raises `FleetError` if it cannot be, or has no tables.

    `seconds`: how long a request waits for a connection before the database counts as lost.
    """
    silence_libraries()
    await _probe(address)
    app = _build_app(address, connections, seconds)
    with explain_errors():
        await app.open_async()
    try:
        yield app
    finally:
        with explain_errors():
            await app.close_async()


async def create_tables(address: Secret) -> bool:
    """Make the tables that are missing; return whether the queue is new. Raises `FleetError`."""
    silence_libraries()
    connection = await _connect(address)
    app = _build_app(address, 1, 1.0)
    with explain_errors():
        async with connection:
            new = not await _has(connection, "procrastinate_jobs")
            if new:
                # In one transaction, as a script: without parameters several statements are one query.
                await connection.execute(app.schema_manager.get_schema())
            await connection.execute(_TABLES.encode())
    return new


def silence_libraries() -> None:
    """Let the libraries log nothing: their lines repeat rows and addresses as they are."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


@contextmanager
def explain_errors() -> Iterator[None]:
    """Raise errors of the database as `FleetError`, in words of ours: the library's can repeat a row."""
    try:
        yield
    except (ConnectorException, psycopg.Error, PoolTimeout, OSError) as exc:
        cause = exc if isinstance(exc, psycopg.Error) else exc.__cause__
        code = cause.sqlstate if isinstance(cause, psycopg.Error) and cause.sqlstate else ""
        if code in ("42883", "42P01", "42703", "42704"):
            raise FleetError("the queue's tables are of another version", _OTHER_VERSION) from None
        if code == "42501":
            raise FleetError("this role may not do that in the queue's database", _ROLES) from None
        if code == "23503":
            raise FleetError("this worker was taken for dead, and was removed from the queue", _REMOVED) from None
        if code == "P0001":
            raise FleetError("the job has changed meanwhile", "Look at it again: reconciler fleet jobs") from None
        raise FleetError(f"the queue's database failed{f' ({code})' if code else ''}", _LOST) from None


_ROLES = "docs/fleet-cluster.md lists what a role needs."


def _build_app(address: Secret, connections: int, seconds: float) -> App:
    connector = PsycopgConnector(
        conninfo=address.reveal(), min_size=1, max_size=connections, timeout=seconds, json_loads=_load_json
    )
    return App(connector=connector)


def _load_json(content: str | bytes) -> Any:
    """Return a row's arguments; none if they are too large or too deep, which then are no task."""
    try:
        return json.loads(content) if len(content) <= MAX_TASK_BYTES else {}
    except (ValueError, RecursionError):
        return {}


async def _probe(address: Secret) -> None:
    connection = await _connect(address)
    with explain_errors():
        async with connection:
            for table in ("procrastinate_jobs", "reconciler_results"):
                if not await _has(connection, table):
                    raise FleetError("the queue's database has no tables for it", _NO_TABLES)


async def _has(connection: psycopg.AsyncConnection[Any], table: str) -> bool:
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def _connect(address: Secret) -> psycopg.AsyncConnection[Any]:
    """Connect once, ahead of the pool, which tries for half a minute and then knows no cause."""
    try:
        return await psycopg.AsyncConnection.connect(address.reveal())
    except (psycopg.Error, OSError) as exc:
        raise FleetError("the queue's database cannot be reached", _describe(exc, address)) from None


def _describe(exc: Exception, address: Secret) -> str:
    """Return what libpq says, without the password that a server could repeat."""
    text, password = str(exc), str(conninfo_to_dict(address.reveal()).get("password") or "")
    if password:
        text = text.replace(password, "(password)")
    return escape_control(shorten(" ".join(text.split()), 300))
