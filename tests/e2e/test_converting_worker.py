"""Plans of which the worker also converts pages of live users: the plan file, and that no process is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
from support.servers.fake_scim import Logged, ServerFaults
from support.workspace import ENTERPRISE

from reconciler.desired.worker import may_fork
from reconciler.desired.worker_questions import MOST_WAITING

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
COUNT, PAGE = 1200, 40
ACTIONS = ("create", "update", "adopt", "reactivate", "deactivate", "unchanged")
PADDING = "# Sorted by the number of the person. Do not edit: written by an import, each night.\n" * 13_000
"""Makes the files so large that a worker reads them, which takes no time."""
WATCH = """
import os, pathlib, time
from reconciler.desired.worker_questions import Questions
from reconciler.scim import converted_pages
from reconciler.scim.converted_pages import PageConverter

folder = pathlib.Path(os.environ["WATCHED"])
open_questions, convert, convert_there = Questions.open, PageConverter.convert, converted_pages._convert

def open_and_say(self):
    open_questions(self)
    folder.joinpath("ready").touch()

def convert_and_note(self, body):
    page = convert(self, body)
    with folder.joinpath("pages").open("a") as file:
        file.write(f"{os.getpid()} {page.size if page is not None else 0}\\n")
    return page

def convert_slowly(body, packing):
    folder.joinpath("worker.new").write_text(str(os.getpid()))
    folder.joinpath("worker.new").rename(folder / "worker")
    time.sleep(float(os.environ["SECONDS"]))
    return convert_there(body, packing)

Questions.open, PageConverter.convert, converted_pages._convert = open_and_say, convert_and_note, convert_slowly
"""


@pytest.fixture
def opened(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Live users in small pages, all but the first of which wait for a worker that is ready to convert them.

    Some are as desired, each of `ACTIONS` is needed for others.
    """
    live, wanted = sample_users(COUNT)
    for number in range(0, COUNT, 40):
        live[number + 1][ENTERPRISE]["department"] = "Another"
        live[number + 2]["active"] = False
        live[number + 3]["name"].pop("givenName")
        live[number + 4]["externalId"] = None
        live[number + 5]["userName"] = f"PERSON.{number}@example.com"
        wanted[number + 6]["accountEnabled"] = False
        del live[number + 7]["active"]
    missing = set(range(8, COUNT, 40))
    workspace = open_command_workspace(
        (user for number, user in enumerate(live) if number not in missing), ServerFaults(page_cap=PAGE)
    )
    workspace.users(user for number, user in enumerate(wanted) if number % 40 != 9)
    with (workspace.state / "users" / "people.yaml").open("a") as file:
        file.write(PADDING)
    workspace.settings(guards={name: {"count": 1000, "percent": 100} for name in ("removals", "reactivations")})

    def hold(entry: Logged) -> None:
        if entry.path == "/Users" and entry.query.get("startIndex", "1") != "1":
            wait_for((workspace.root / "ready").exists)

    workspace.service.after = hold
    (workspace.root / "sitecustomize.py").write_text(WATCH)
    return workspace


def start(opened: CommandWorkspace, *arguments: str, seconds: float = 0) -> subprocess.Popen[bytes]:
    watched = {"PYTHONPATH": str(opened.root), "WATCHED": str(opened.root), "SECONDS": str(seconds)}
    places = ["--state", str(opened.state), "--plans", str(opened.plans)]
    return opened.start("plan", *NOW, *arguments, *places, env=watched, start_new_session=True)


def list_converted(opened: CommandWorkspace) -> list[int]:
    """Return how many users each page had that the worker converted. The worker is not the process that asked."""
    lines = [list(map(int, line.split())) for line in (opened.root / "pages").read_text().splitlines()]
    worker = int((opened.root / "worker").read_text())
    assert worker not in {asker for asker, _ in lines}
    return [users for _, users in lines if users]


def test_the_plan_file_is_that_of_one_process(opened: CommandWorkspace) -> None:
    """In this process, with the threads of the service, no worker is started."""
    saved = opened.root / "plan.json"
    process = start(opened, "-o", str(saved))
    end = wait_for_exit(process)
    plan = saved.read_bytes()
    saved.unlink()
    assert not may_fork()
    expected = opened.run("plan", *NOW, "-o", str(saved))
    assert (end.code, stable(end.out), stable(end.err)) == (0, stable(expected.out), stable(expected.err))
    assert saved.read_bytes() == plan
    summary = json.loads(plan)["summary"]
    assert {name for name in ACTIONS if summary[name] == 0} == set()
    assert len(list_converted(opened)) >= MOST_WAITING
    wait_for_group_end(process)


@pytest.mark.parametrize("stopped", [False, True], ids=["worker converts", "worker stopped"])
@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["Ctrl-C", "SIGINT to the parent", "SIGTERM to the parent"],
)
def test_a_signal_while_the_worker_converts_ends_both(
    number: signal.Signals, opened: CommandWorkspace, *, to_all: bool, stopped: bool
) -> None:
    saved = opened.root / "plan.json"
    process = start(opened, "-o", str(saved), seconds=60)
    wait_for((opened.root / "worker").exists)
    worker = int((opened.root / "worker").read_text())
    assert os.getpgid(worker) == process.pid != worker
    if stopped:
        os.kill(worker, signal.SIGSTOP)
    (os.killpg if to_all else os.kill)(process.pid, number)
    end = wait_for_exit(process, 25)  # less than the worker takes, and than an answer is waited for
    assert (end.code, end.out) == (130, "")
    assert "Traceback" not in end.err
    assert end.err.endswith("Interrupted.\n")
    assert not saved.exists()
    wait_for_group_end(process)
    assert not Path(f"/proc/{worker}").exists()
