"""A pipe, a device, a directory, a socket or a file without an end in place of a file: words, and no waiting."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.workspace import CommandResult, run

KINDS = ("pipe", "device", "directory", "socket", "endless")
COMMANDS = ("validate", "plan", "apply", "status", "log", "drift")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """End a command that waits for a file."""

    def fail(_number: int, _frame: Any) -> None:
        raise AssertionError("the command waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Two people of whom one apply is on record; the department of both changes again."""
    live, people = sample_users(2, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    assert opened.apply().code == 0
    opened.users(sample_users(2, department="Moved again")[1])
    return opened


def put(kind: str, path: Path) -> None:
    """Put something in place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        path.rename(path.with_name("moved-away"))
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "socket":
            here = Path.cwd()
            os.chdir(path.parent)  # a socket's path is at most 108 bytes long
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(path.name)
            os.chdir(here)
        case "endless":
            path.touch()
            os.truncate(path, 2**42)


def assert_words(answer: CommandResult) -> None:
    assert answer.code in (0, 1, 2, 3, 4, 5, 64), answer.err
    assert "Traceback" not in answer.err
    if answer.code not in (0, 2, 3):
        known = "Error:" in answer.err + answer.out or "needs attention" in answer.out.lower()
        assert known or "No apply to this target is on record" in answer.err, answer


def run_all(work: CommandWorkspace) -> list[CommandResult]:
    return [
        run(
            ["reconciler", command, "--state", str(work.state)]
            + (["--plans", str(work.plans)] if command != "validate" else [])
            + (["--auto-approve"] if command == "apply" else [])
        )
        for command in COMMANDS
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["receipt.jsonl", "plan.json", "README.md"])
def test_in_place_of_a_file_of_the_record(name: str, kind: str, work: CommandWorkspace) -> None:
    record = work.receipts()[0].parent
    writes = len(work.service.writes)
    put(kind, record / name)
    answers = run_all(work)
    for answer in [*answers, work.run("show", str(record / name)), work.run("show", str(record))]:
        assert_words(answer)
    if name == "receipt.jsonl":
        assert [answer.code for answer in answers[3:]] == [1, 1, 1]
        if kind == "directory":
            assert "receipt.jsonl is not a regular file" in answers[3].err
    assert len(work.service.writes) in (writes, writes + 2)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "directory"])
def test_in_place_of_the_record(kind: str, work: CommandWorkspace) -> None:
    put(kind, work.plans)
    answers = run_all(work)
    for answer in answers:
        assert_words(answer)
    assert [answer.code for answer in answers[3:]] == [1, 1, 1]
    assert "cannot list" in answers[3].err


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_the_refusal(kind: str, work: CommandWorkspace) -> None:
    put(kind, work.plans / "refusal.json")
    for answer in run_all(work):
        assert_words(answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["settings.yaml", "scope.yaml", "mappings.yaml", "users/people.yaml", "users/other.yaml"]
)
def test_in_place_of_a_file_of_the_desired_state(name: str, kind: str, work: CommandWorkspace) -> None:
    writes = len(work.service.writes)
    put(kind, work.state / name)
    answers = run_all(work)
    for answer in answers:
        assert_words(answer)
    # users/other.yaml as a directory is an empty directory.
    if not name.startswith("users/") or kind != "directory":
        assert [answer.code for answer in answers[:3]] == [1, 1, 1]
        assert len(work.service.writes) == writes


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_a_lock(kind: str, work: CommandWorkspace) -> None:
    (lock,) = (work.root / "state-home").rglob("*.lock")
    put(kind, lock)
    for answer in run_all(work):
        assert_words(answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [".reconciler/sandbox.db", ".reconciler/sandbox.lock", ".reconciler"])
def test_in_place_of_a_file_of_the_sandbox(name: str, kind: str, work: CommandWorkspace) -> None:
    put(kind, work.root / name)
    for command in (["plan"], ["apply", "--auto-approve"], ["status"], ["log"]):
        assert_words(run(["reconciler", *command, "--state", str(work.state), "--sandbox"]))
    for command in ("seed", "reset"):
        assert_words(run(["reconciler", "sandbox", command, "--state", str(work.state)]))


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_of_a_file_on_the_command_line(kind: str, work: CommandWorkspace) -> None:
    path = work.root / "odd.json"
    put(kind, path)
    lines = [
        ["show", str(path)],
        ["apply", str(path), "--plans", str(work.plans), "--state", str(work.state)],
        ["import", "entra-schema", str(path), "--state", str(work.state)],
        ["sandbox", "seed", str(path), "--state", str(work.state)],
        ["init", str(work.root / "new"), "--wheel", str(path)],
        ["plan", "--template", str(path), "--format", "html", "--state", str(work.state)],
    ]
    for line in lines:
        answer = run(["reconciler", *line])
        assert_words(answer)
        assert answer.code in (1, 64), (line, answer)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "endless"])
@pytest.mark.parametrize("option", ["-o", "--log"])
def test_in_place_of_a_file_to_write(option: str, kind: str, work: CommandWorkspace) -> None:
    path = work.root / "odd.json"
    put(kind, path)
    answer = work.run("plan", option, str(path))
    if (option, kind) != ("--log", "device"):  # as /dev/stderr, which may be the log
        assert_words(answer)
        assert answer.code == 1
    exported = run(["reconciler", "export", "entra-schema", "-o", str(path), "--state", str(work.state)])
    assert_words(exported)
    assert path.is_dir() or not path.is_file()
