import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.sandbox import admin
from reconciler.sandbox.database import SCHEMA_VERSION
from reconciler.sandbox.errors import SandboxError
from reconciler.sandbox.seed import reset
from reconciler.sandbox.store import Store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


# -- the file -----------------------------------------------------------------


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


def test_somebody_elses_database_is_refused(state: Path) -> None:
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


# -- tokens, clock ------------------------------------------------------------


def test_two_tokens_and_no_third(state: Path) -> None:
    first, second = admin.issue_token(state), admin.issue_token(state)
    assert first != second
    with pytest.raises(SandboxError, match="two access tokens already"):
        admin.issue_token(state)
    admin.revoke_token(state, first)
    third = admin.issue_token(state)
    admin.expire_token(state, third)
    with pytest.raises(SandboxError, match="only access token can't be revoked"):
        admin.revoke_token(state, second)
    with pytest.raises(SandboxError, match="no such access token"):
        admin.revoke_token(state, "other")


def test_a_usable_token_is_kept(state: Path) -> None:
    with Store(state) as store:
        token = store.get_usable_token()
        assert store.get_usable_token() == token
        store.advance_clock(5 * 86400)
        assert store.get_usable_token() != token


def test_the_clock_goes_forwards_only(state: Path) -> None:
    with Store(state) as store:
        before = store.now()
        store.advance_clock(3600)
        store.advance_clock(3600)
        assert 7200 <= (store.now() - before).total_seconds() < 7210
        with pytest.raises(SandboxError, match="only goes forwards"):
            store.advance_clock(-1)


def test_an_account_needs_a_free_name(state: Path) -> None:
    admin.add_account(state, "Boss@example.com", "admin")
    admin.add_account(state, "boss@example.com", "personal")
    assert [(row["userName"], row["source"]) for row in admin.list_accounts(state)] == [
        ("boss@example.com", "personal")
    ]
    admin.remove_account(state, "BOSS@example.com")
    assert admin.list_accounts(state) == []
    with pytest.raises(SandboxError, match="There is no user"):
        admin.sign_in(state, "boss@example.com")


# -- imports ------------------------------------------------------------------

PROBE = """
import sys
import {module}
names = sorted(sys.modules)
print(*[name for name in names if name.split(".")[0] in ("scim2_models", "scim2_server", "pydantic")])
print(*[name for name in names if name.startswith("reconciler.") and name.split(".")[1] != "sandbox"])
"""


@pytest.mark.parametrize("module", ["reconciler.sandbox", "reconciler.sandbox.seed", "reconciler.sandbox.server"])
def test_what_an_import_costs(module: str) -> None:
    code = PROBE.format(module=module)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "\n\n"


def test_the_core_shares_nothing_with_the_client() -> None:
    code = PROBE.format(module="reconciler.sandbox.protocol")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[1] == ""
