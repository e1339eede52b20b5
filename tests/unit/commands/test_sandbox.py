from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.commands import sandbox
from reconciler.errors import ReconcilerError
from reconciler.sandbox.admin import list_accounts, read_connection_status
from reconciler.sandbox.seed import list_users


def test_it_is_filled_and_emptied_next_to_the_desired_state(tmp_path: Path) -> None:
    state, database = tmp_path / "desired-state", tmp_path / ".reconciler/sandbox.db"
    (tmp_path / "seed.json").write_text(json.dumps({"domains": ["example.com"], "users": []}))
    assert sandbox.run_seed(state, tmp_path / "seed.json") == f"The sandbox has 0 users: {database}\n"
    assert database.is_file()
    assert sandbox.run_reset(state) == f"The sandbox is empty: {database}\n"


def test_an_administrator_rotates_tokens_and_days_pass(tmp_path: Path) -> None:
    state, database = tmp_path / "desired-state", tmp_path / ".reconciler/sandbox.db"
    sandbox.run_seed(state, None)
    first, second = sandbox.run_token(state).strip(), sandbox.run_token(state).strip()
    assert first != second
    with pytest.raises(ReconcilerError, match="two"):
        sandbox.run_token(state)
    assert sandbox.run_advance(state, 1) == "The sandbox's clock is 1 day further.\n"
    sandbox.run_advance(state, 366)
    assert sandbox.run_token(state).strip() not in {first, second}, "both have expired"
    assert database.is_file()


def test_a_directory_is_disconnected_and_connected_again(tmp_path: Path) -> None:
    state, database = tmp_path / "desired-state", tmp_path / ".reconciler/sandbox.db"
    sandbox.run_seed(state, None)
    users = list_users(database)
    assert "manual accounts" in sandbox.run_disconnect(state)
    assert list_users(database) == []
    assert read_connection_status(database) == "DISCONNECTED"
    token, text = sandbox.run_reconnect(state, merge=True)
    assert token.strip()
    assert text == "Connected. Users take over the accounts of the same names.\n"
    assert "refused (409)" in sandbox.run_reconnect(state, merge=False)[1]
    names = {account["userName"] for account in list_accounts(database) if account["source"] == "manual"}
    assert {user["userName"] for user in users} <= names


@pytest.mark.parametrize("run", [sandbox.run_token, sandbox.run_disconnect])
def test_without_a_sandbox_nothing_is_made(tmp_path: Path, run: Callable[[Path], str]) -> None:
    with pytest.raises(ReconcilerError, match="there is no sandbox"):
        run(tmp_path / "desired-state")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "[]"])
def test_an_invalid_seed_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "seed.json").write_text(content)
    with pytest.raises(ReconcilerError, match="seed"):
        sandbox.run_seed(tmp_path / "desired-state", tmp_path / "seed.json")


def test_it_is_served_from_the_same_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(sandbox, "serve_sandbox", lambda *arguments: calls.append(arguments))
    sandbox.run_serve(tmp_path / "desired-state", 0, print, "http://127.0.0.1:1/cb")
    assert calls == [(tmp_path / ".reconciler/sandbox.db", 0, print, "http://127.0.0.1:1/cb")]
