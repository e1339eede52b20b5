"""A large desired state is read by a worker process: what it finds, and that no process is left whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import (
    NOW,
    CommandWorkspace,
    OpenCommandWorkspace,
    sample_users,
    stable,
    wait_for,
    wait_for_exit,
    wait_for_group_end,
)
from support.servers.fake_scim import Logged

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
ENDING = [signal.SIGINT, signal.SIGTERM]
USER = (
    "- userPrincipalName: person.{0}@example.com\n  objectId: object-{0}\n  givenName: Ada\n  surname: Lovelace\n"
    "  department: Analytical engines\n  jobTitle: Countess of computing\n"
)
COUNT = 20_000


@pytest.fixture
def opened(open_command_workspace: OpenCommandWorkspace) -> Iterator[CommandWorkspace]:
    """Three live users, twenty thousand desired ones, and no process left at the end."""
    live, wanted = sample_users(3)
    workspace = open_command_workspace(live)
    workspace.users(wanted)
    for file in range(4):
        numbers = range(file, COUNT, 4)
        (workspace.state / "users" / f"many-{file}.yaml").write_text("".join(map(USER.format, numbers)))
    return workspace


def start(opened: CommandWorkspace, command: str = "plan", *arguments: str) -> subprocess.Popen[bytes]:
    return opened.start(command, *NOW, *arguments, start_new_session=True)


def find_worker(process: subprocess.Popen[bytes]) -> int | None:
    """The child that runs the same program; git runs another."""
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if Path(f"/proc/{child}/cmdline").read_bytes() == own:
                return int(child)
    return None


def stop_worker(process: subprocess.Popen[bytes]) -> int:
    """Stop the worker while it reads, as a machine that has no time for it."""
    wait_for(lambda: find_worker(process) is not None)
    worker = find_worker(process)
    assert worker is not None
    wait_for(lambda: str(Path(f"/proc/{worker}/fd/1").readlink()) == os.devnull)
    os.kill(worker, signal.SIGSTOP)
    return worker


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("hangs", [True, False], ids=["service hangs", "service answered"])
@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_a_signal_ends_both(command: str, hangs: bool, number: signal.Signals, opened: CommandWorkspace) -> None:
    released = threading.Event()
    if hangs and command != "drift":  # drift looks at the digest of all files before it reads

        def hang(_entry: Logged) -> None:
            released.wait(25)

        opened.service.after = hang
    process = start(opened, command)
    stop_worker(process)
    if command != "drift":
        wait_for(lambda: opened.service.log)
    os.killpg(process.pid, number)
    end = wait_for_exit(process)
    released.set()
    assert (end.code, end.out) == (130, "")
    assert "Traceback" not in end.err
    assert end.err.endswith("Interrupted.\n")
    wait_for_group_end(process)


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_a_worker_that_is_killed_is_one_error(command: str, opened: CommandWorkspace) -> None:
    process = start(opened, command)
    os.kill(stop_worker(process), signal.SIGKILL)
    end = wait_for_exit(process)
    assert (end.code, end.out) == (1, "")
    assert end.err == (
        "Error: the process that read the desired state ended before it was done (signal 9)\n\n"
        "  Nothing was planned. Often the machine has run out of memory: close other programs, or raise its limit,\n"
        "  then run the same command again.\n"
    )
    assert opened.service.writes == []
    wait_for_group_end(process)


def test_a_worker_ends_when_its_parent_is_killed_even_if_it_is_stopped(opened: CommandWorkspace) -> None:
    process = start(opened)
    stop_worker(process)
    process.kill()
    process.wait()
    wait_for_group_end(process)


def test_a_worker_does_not_hold_the_output_of_its_parent_open(opened: CommandWorkspace) -> None:
    process = start(opened)
    worker = stop_worker(process)
    outputs = {str(Path(f"/proc/{worker}/fd/{number}").readlink()) for number in range(3)}
    process.kill()
    process.wait()
    assert outputs == {os.devnull}
    wait_for_group_end(process)


BROKEN = {
    "good": "",
    "error of a user": USER.format("x").replace("@example.com", "@elsewhere.org"),
    "name used twice": USER.format("7"),
    "not YAML": '- userPrincipalName: "x\n',
    "misspelt key": USER.format("x").replace("givenName", "firstName"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("refuses", [False, True], ids=["service answers", "service refuses"])
def test_the_result_is_that_of_one_process(text: str, refuses: bool, opened: CommandWorkspace) -> None:
    """In this process, with the threads of the service, no worker is started."""
    (opened.state / "users" / "z.yaml").write_text(text or "[]\n")
    if refuses:
        opened.service.token = "another"
    process = start(opened, "plan", "--summary")
    wait_for(lambda: find_worker(process) is not None or process.poll() is not None)
    assert find_worker(process) is not None
    end = wait_for_exit(process)
    here = opened.run("plan", *NOW, "--summary")
    assert (end.code, stable(end.out), stable(end.err)) == (here.code, stable(here.out), stable(here.err))
    wait_for_group_end(process)
