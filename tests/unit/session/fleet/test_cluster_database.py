from __future__ import annotations

import asyncio
import logging

import pytest
from psycopg.errors import CheckViolation
from support.cluster import COMMIT, QueueOnPostgres, make_task
from support.servers.postgres import PASSWORD, PostgresServer

from reconciler.errors import FleetError
from reconciler.scim.secret import Secret
from reconciler.session.fleet.cluster_database import create_tables, open_database
from reconciler.session.fleet.cluster_queue import ClusterQueue

pytestmark = pytest.mark.slow
ROLE = """
CREATE ROLE {role} LOGIN PASSWORD '{password}';
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON procrastinate_jobs, procrastinate_events, procrastinate_workers,
    reconciler_results TO {role};
GRANT SELECT, UPDATE ON procrastinate_periodic_defers TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


async def open_and_close(secret: Secret) -> None:
    async with open_database(secret):
        pass


def refuse(address: str) -> FleetError:
    with pytest.raises(FleetError) as caught:
        asyncio.run(open_and_close(Secret(address)))
    error = caught.value
    assert PASSWORD not in f"{error.summary} {error.detail} {error!r} {error.__cause__!r}"
    return error


def test_the_tables_are_made_once_and_again_without_harm(postgres: PostgresServer) -> None:
    secret = Secret(postgres.create_database())
    assert asyncio.run(create_tables(secret)) is True
    assert asyncio.run(create_tables(secret)) is False
    asyncio.run(open_and_close(secret))


def test_a_database_without_tables_says_what_to_do(postgres: PostgresServer) -> None:
    error = refuse(postgres.create_database())
    assert error.summary == "the queue's database has no tables for it"
    assert error.detail == "Make them once, as a role that may: reconciler fleet init-queue"


def test_a_server_that_does_not_answer_is_an_error_without_the_password(postgres: PostgresServer) -> None:
    error = refuse(f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/x?connect_timeout=2")
    assert error.summary == "the queue's database cannot be reached"
    assert "Connection refused" in error.detail


def test_a_refused_password_is_an_error_without_it(postgres: PostgresServer) -> None:
    error = refuse(postgres.address("postgres").replace(PASSWORD, f"{PASSWORD}x"))
    assert error.summary == "the queue's database cannot be reached"
    assert "password authentication failed" in error.detail


def test_tables_of_another_version_are_an_error(postgres: PostgresServer) -> None:
    queue = QueueOnPostgres(postgres)
    queue.execute("ALTER TABLE procrastinate_events RENAME COLUMN at TO happened")
    with pytest.raises(FleetError, match=r"^the queue's tables are of another version$"):
        queue.jobs()


@pytest.mark.parametrize(
    ("task", "args", "lock"),
    [
        ("reconciler.tenant", "[]", "x"),
        ("reconciler.tenant", '{"a": "' + "x" * 1100 + '"}', "x"),
        ("reconciler.tenant", "{}", "x" * 201),
        ("other.task", "{}", "x"),
        ("reconciler.tenant", "{}", None),
    ],
)
def test_the_database_itself_refuses_rows_of_another_shape(
    task: str, args: str, lock: str | None, postgres: PostgresServer
) -> None:
    queue = QueueOnPostgres(postgres)
    columns = "queue_name, task_name, lock, queueing_lock, args"
    row = f"INSERT INTO procrastinate_jobs ({columns}) VALUES ('{{}}', '{{}}', {{}}, {{}}, '{{}}')"  # noqa: S608
    text = f"'{lock}'" if lock is not None else "NULL"
    with pytest.raises(CheckViolation):
        queue.execute(row.format("reconciler-fleet", task, text, text, args))
    queue.execute(row.format("of-another-program", task, text, text, args))


def test_a_role_with_few_rights_can_queue_and_run(postgres: PostgresServer) -> None:
    queue = QueueOnPostgres(postgres)
    role = queue.address.rpartition("/")[2]
    queue.execute(ROLE.format(role=role, password=PASSWORD))
    queue.secret = Secret(postgres.address(role, user=role))
    assert queue.submit("acme").keys() == {1}
    with pytest.raises(FleetError, match=r"^this role may not do that in the queue's database$"):
        asyncio.run(create_tables(queue.secret))


def test_the_libraries_log_nothing(postgres: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    queue = QueueOnPostgres(postgres)
    with caplog.at_level(logging.DEBUG):
        queue.submit("acme")
    assert [record for record in caplog.records if record.name.startswith(("procrastinate", "psycopg"))] == []


def test_no_secret_is_in_the_database(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN", "canary-token-9fK")
    queue = QueueOnPostgres(postgres)
    queue.submit("acme")
    rows = repr(queue.execute("SELECT * FROM procrastinate_jobs"))
    assert COMMIT in rows
    assert "canary" not in rows


def test_a_lost_database_is_an_error(postgres: PostgresServer) -> None:
    queue = QueueOnPostgres(postgres)
    name = queue.address.rpartition("/")[2]

    async def lose() -> None:
        async with open_database(queue.secret, 1, 1.0) as app:
            await asyncio.to_thread(queue.server.execute, postgres.address("postgres"), f"DROP DATABASE {name} (FORCE)")
            await ClusterQueue(app, "fleet").submit([make_task("acme")])

    with pytest.raises(FleetError, match=r"^the queue's database failed"):
        asyncio.run(lose())
