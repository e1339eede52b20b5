import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.sandbox.database import CREDENTIAL_TABLES, SCHEMA_VERSION
from reconciler.sandbox.grants import Grants
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.seed import reset
from reconciler.sandbox.store import Store


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="is a directory"):
        Store(tmp_path)


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SandboxError, match=r"can't be opened: .*Check the path"):
        Store(tmp_path / "file" / "sandbox.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(state: Path) -> None:
    state.write_text("")
    state.chmod(0)
    with pytest.raises(SandboxError, match="Check the path and its permissions"):
        Store(state)


def test_another_programs_database_is_refused(state: Path) -> None:
    connection = sqlite3.connect(state)
    connection.execute("CREATE TABLE precious (x)")
    connection.commit()
    connection.close()
    with pytest.raises(SandboxError, match="not a sandbox file and was left alone"):
        Store(state)


def test_another_format_is_refused_and_reset_cures_it(state: Path) -> None:
    Store(state).close()
    connection = sqlite3.connect(state)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(SandboxError, match=f"has format {SCHEMA_VERSION + 1}, this version reads {SCHEMA_VERSION}"):
        Store(state)
    reset(state)
    Store(state).close()


def test_a_file_from_before_the_authorization_server_is_kept(state: Path) -> None:
    with Store(state) as store:
        token = store.issue_token()
    connection = sqlite3.connect(state)
    for table in CREDENTIAL_TABLES[1:]:
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Store(state) as store:
        assert store.get_usable_token() == token
        assert Grants(store).get_client().secret


def test_many_may_make_the_file_at_once(state: Path) -> None:
    def make(_: int) -> str:
        with Store(state) as store:
            return store.get_usable_token()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(8)))) == 1


def test_closing_leaves_one_file(state: Path) -> None:
    with Store(state) as store:
        store.set_setting("x", "y")
    assert [file.name for file in state.parent.iterdir()] == ["sandbox.db"]


def write_and_fail(store: Store) -> None:
    with store.transaction(write=True):
        store.set_setting("x", "y")
        store.set_domains(["a.org"])
        raise ZeroDivisionError


def test_a_failing_transaction_leaves_nothing(state: Path) -> None:
    with Store(state) as store:
        with pytest.raises(ZeroDivisionError):
            write_and_fail(store)
        assert store.get_setting("x") is None
        assert store.get_domains() is None


def test_a_damaged_file_is_explained_without_a_traceback_of_sqlite(state: Path) -> None:
    with Store(state) as store:
        store.database.connection.execute("DROP TABLE settings")
        with pytest.raises(SandboxError, match="can't be used: no such table"):
            store.set_setting("x", "y")
