from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.commands import sandbox
from reconciler.errors import ReconcilerError


def test_it_is_filled_and_emptied_next_to_the_desired_state(tmp_path: Path) -> None:
    state, database = tmp_path / "desired-state", tmp_path / ".reconciler/sandbox.db"
    (tmp_path / "seed.json").write_text(json.dumps({"domains": ["example.com"], "users": []}))
    assert sandbox.run_seed(state, tmp_path / "seed.json") == f"The sandbox has 0 users: {database}\n"
    assert database.is_file()
    assert sandbox.run_reset(state) == f"The sandbox is empty: {database}\n"


@pytest.mark.parametrize("content", ["", "[]"])
def test_an_invalid_seed_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "seed.json").write_text(content)
    with pytest.raises(ReconcilerError, match="seed"):
        sandbox.run_seed(tmp_path / "desired-state", tmp_path / "seed.json")


def test_it_is_served_from_the_same_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(sandbox, "serve_sandbox", lambda *arguments: calls.append(arguments))
    sandbox.run_serve(tmp_path / "desired-state", 0, print)
    assert calls == [(tmp_path / ".reconciler/sandbox.db", 0, print)]
