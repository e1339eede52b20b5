"""A machine without files or space: said as it is and at once, and never taken for a fault of the service."""

from __future__ import annotations

import errno
import os
import resource
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.workspace import CommandResult

FULL = "No space left on device (ENOSPC)"
NO_FILES = "Too many open files (EMFILE)"


def serve(open_command_workspace: OpenCommandWorkspace, people: int = 5) -> CommandWorkspace:
    live, wanted = sample_users(people, department="Moved")
    opened = open_command_workspace(live)
    opened.users(wanted)
    return opened


class Connections:
    """Connections of this process: once `refused`, no more can be opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused = True
        self.attempts = 0
        self._connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", self)

    def __call__(self, *arguments: Any, **named: Any) -> socket.socket:
        self.attempts += 1
        if self.refused:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._connect(*arguments, **named)


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_without_files_a_read_ends_at_once(
    command: str, open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = serve(open_command_workspace)
    connections, began = Connections(monkeypatch), time.monotonic()
    end = opened.run(command, *(["--auto-approve"] if command == "apply" else []))
    connections.refused = False
    assert (end.code, end.out) == (1, "")
    assert f"Error: cannot connect to 127.0.0.1: {NO_FILES}" in end.err
    assert "ulimit -n" in end.err
    assert connections.attempts == 1
    assert time.monotonic() - began < 5
    assert not list(opened.plans.glob("refusal*"))


def test_without_files_an_apply_ends_as_an_interrupted_one(
    open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = serve(open_command_workspace, 30)
    connections = Connections(monkeypatch)
    connections.refused = False

    def refuse_after_the_first_write(_entry: object) -> None:
        connections.refused = connections.refused or bool(opened.service.writes)

    opened.service.after = refuse_after_the_first_write
    end = opened.run("apply", "--auto-approve")
    written = len(opened.service.writes)
    assert end.code == 1
    assert 0 < written < 30
    assert f"Error: cannot connect to 127.0.0.1: {NO_FILES}" in end.err
    assert "quarantine" not in end.out + end.err
    last = opened.receipt()[-1]
    assert (last["event"], last["how"]) == ("apply_finished", "interrupted")
    results = {line["result"] for line in opened.receipt() if line["event"] == "finished"}
    assert results <= {"done", "skipped", "unknown"}

    opened.service.after = None
    connections.refused = False
    again = opened.run("apply", "--auto-approve")
    assert again.code == 0
    assert "deferred" not in again.err
    assert {user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] for user in
            opened.service.users.values()} == {"Moved"}  # fmt: skip


def run_with_files(opened: CommandWorkspace, limit: int, *arguments: str) -> CommandResult:
    """Run the command as a process that may open `limit` files."""
    # Measuring coverage needs files of its own.
    opened.environment = {name: value for name, value in opened.environment.items() if "COVERAGE" not in name}
    end = opened.command(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert "Traceback" not in end.err
    assert "refuses the connection" not in end.err
    assert "cannot be resolved" not in end.err
    return end


@pytest.mark.parametrize("limit", range(5, 12))
def test_a_process_with_few_files_ends_in_words(limit: int, open_command_workspace: OpenCommandWorkspace) -> None:
    end = run_with_files(serve(open_command_workspace), limit, "plan")
    if end.code == 0:
        assert "5 to update" in end.out
    else:
        assert (end.code, f"{NO_FILES}" in end.err, "ulimit -n" in end.err) == (1, True, True), end


def test_an_apply_with_few_files_ends_and_goes_on_later(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = serve(open_command_workspace, 60)
    opened.service.faults = ServerFaults(latency=0.05)
    end = run_with_files(opened, 16, "apply", "--auto-approve")
    assert (end.code, NO_FILES in end.err) == (1, True), end
    assert "quarantine" not in end.out + end.err
    assert len(opened.service.writes) < 60
    opened.service.faults = ServerFaults()
    assert opened.run("apply", "--auto-approve").code == 0
    assert len(opened.service.writes) == 60


@pytest.mark.parametrize(("code", "why"), [(errno.ENOSPC, FULL), (errno.EDQUOT, "Disk quota exceeded (EDQUOT)")])
def test_a_plan_that_finds_no_space_is_not_saved(
    code: int, why: str, open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = serve(open_command_workspace)
    file = opened.root / "saved.json"
    fill_the_disk(monkeypatch, code)
    end = opened.run("plan", "-o", str(file))
    assert end.code == 1
    assert f"Error: cannot write {file}: {why}" in end.err
    assert "Free some space there" in end.err
    assert not file.exists()


def test_an_apply_without_space_for_its_record_changes_nothing(
    open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = serve(open_command_workspace)
    fill_the_disk(monkeypatch)
    end = opened.run("apply", "--auto-approve")
    assert end.code == 1
    assert FULL in end.err
    assert "Free some space there" in end.err
    assert opened.service.writes == []


def test_a_refusal_without_space_for_it_is_reported(
    open_command_workspace: OpenCommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = serve(open_command_workspace)
    opened.service.token = "another"
    fill_the_disk(monkeypatch)
    end = opened.run("apply", "--auto-approve")
    assert end.code == 1
    assert "Error: the service does not accept the token (401)" in end.err
    assert "Could not record the state of the service: cannot write" in end.err
    assert FULL in end.err


@pytest.mark.parametrize("module", ["commands/plan", "desired/loader"])
def test_byte_code_that_is_cut_off_is_named(
    module: str, open_command_workspace: OpenCommandWorkspace, tmp_path: Path
) -> None:
    opened = serve(open_command_workspace)
    code = {"PYTHONPYCACHEPREFIX": str(tmp_path / "code"), "PYTHONDONTWRITEBYTECODE": ""}
    assert opened.command("plan", env=code).code == 0
    (file,) = (tmp_path / "code").glob(f"**/reconciler/{module}.*.pyc")
    file.write_bytes(file.read_bytes()[:-20])
    end = opened.command("plan", env=code)
    assert (end.code, end.out) == (1, "")
    assert f'Error: the byte code in "{file}" is cut off\n' in end.err
    assert "Interrupted" not in end.err
    assert "Traceback" not in end.err
    file.unlink()
    assert opened.command("plan", env=code).code == 0
