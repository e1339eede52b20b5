"""Each command that needs a desired state says in one error that there is none, and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.workspace import run

COMMANDS = {
    "validate": 1,
    "plan": 1,
    "plan --offline --base main": 1,
    "apply": 1,
    "status": 1,
    "status --format json": 1,
    "log": 1,
    "log ada@example.com --format html": 1,
    "drift": 1,
    "explain ada@example.com": 1,
    "explain ada@example.com --offline": 1,
    "rollback HEAD": 1,
    "export entra-schema": 1,
    "demo --state desired-state": 64,
}
CREATE = "  Name the directory of the desired state with --state DIR, or create a repository: reconciler init people\n"


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_there_is_one_error_with_a_way_out(
    command: str, sandbox: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    takes_it = command.split(maxsplit=1)[0] in ("plan", "apply", "status", "log", "drift", "explain", "rollback")
    answer = run(["reconciler", *command.split(), *(["--sandbox"] if sandbox and takes_it else [])])
    assert answer.code == COMMANDS[command]
    assert answer.err.count("Error: ") == 1, answer.err
    assert answer.err.startswith("Error: there is no d")
    assert answer.err.endswith(CREATE)
    assert answer.out in ("", "1 error in desired-state.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git"], "nothing is written"


@pytest.mark.parametrize("command", ["status", "log", "validate", "rollback HEAD"])
def test_the_way_out_works_when_typed(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["reconciler", "init", "people"]).code == 0
    answer = run(["reconciler", *command.split()])
    assert answer.code == 1
    suggestion = "  There is a desired state in people/desired-state: add --state people/desired-state\n"
    assert answer.err.endswith(suggestion)
    again = run(["reconciler", *command.split(), "--state", "people/desired-state"])
    assert "there is no directory" not in again.err


def test_a_folder_that_may_not_be_looked_into_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lost+found").mkdir()
    monkeypatch.chdir(tmp_path)
    stat = os.stat

    def refuse(path: str | Path, **options: bool) -> os.stat_result:
        if str(path).startswith("lost+found/"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    answer = run(["reconciler", "validate"])
    assert (answer.code, answer.err.count("Error: "), answer.err.endswith(CREATE)) == (1, 1, True), answer.err
