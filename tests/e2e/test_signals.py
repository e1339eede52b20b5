"""Ctrl-C and SIGTERM: the first finishes what is in flight and leaves the rest, the second ends at once."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, messages, sample_users, wait_for, wait_for_exit
from support.servers.fake_scim import Logged, ServerFaults

from reconciler.core.text import pluralize

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def serve(open_command_workspace: OpenCommandWorkspace, people: int, faults: ServerFaults) -> CommandWorkspace:
    live, wanted = sample_users(people, department="Moved")
    opened = open_command_workspace(live)
    opened.users(wanted)
    opened.saved()
    opened.service.faults = faults
    return opened


def stopped(process: subprocess.Popen[bytes], number: signal.Signals, seconds: float) -> Any:
    """How it ended after the signal; fails when that took longer."""
    process.send_signal(number)
    before = time.monotonic()
    end = wait_for_exit(process)
    assert time.monotonic() - before < seconds
    assert "Traceback" not in end.err
    assert end.code == 130, end.err
    return end


def events(opened: CommandWorkspace, event: str) -> list[str]:
    return sorted(line["address"] for line in opened.receipt() if line["event"] == event)


@pytest.mark.parametrize("number", ENDING)
def test_the_first_signal_finishes_what_is_in_flight(
    number: signal.Signals, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened = serve(open_command_workspace, 80, ServerFaults(latency=0.1))
    process = opened.start("apply", "plan.json")
    wait_for(lambda: opened.service.writes)
    end = stopped(process, number, 20)
    written = len(opened.service.writes)
    assert 0 < written < 80
    assert f"{pluralize(80 - written, 'change')} not started: interrupted" in end.out
    assert "Run the same command again" in end.out
    assert events(opened, "started") == events(opened, "finished")
    assert opened.receipt()[-1]["event"] == "apply_finished"
    opened.service.faults = ServerFaults()
    assert opened.run("apply", str(opened.root / "plan.json")).code == 0
    assert len(opened.service.writes) == 80, "nothing is done twice"


@pytest.mark.parametrize("number", ENDING)
def test_the_second_signal_ends_at_once_and_the_next_run_resolves_what_was_started(
    number: signal.Signals, open_command_workspace: OpenCommandWorkspace
) -> None:
    opened = serve(open_command_workspace, 10, ServerFaults())

    released = threading.Event()

    def hang(entry: Logged) -> None:
        if entry.nth_write:
            released.wait(25)

    opened.service.after = hang
    process = opened.start("apply", "plan.json")
    wait_for(lambda: opened.service.writes)
    process.send_signal(number)
    time.sleep(0.3)
    end = stopped(process, number, 10)
    assert "requests in flight may have taken effect" in end.err
    started, finished = events(opened, "started"), events(opened, "finished")
    assert set(finished) < set(started)
    opened.service.after = None
    released.set()
    again = opened.run("apply", str(opened.root / "plan.json"))
    assert again.code == 0, again.err
    assert opened.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("number", ENDING)
def test_a_long_pause_that_the_service_asked_for_ends_at_once(
    number: signal.Signals, open_command_workspace: OpenCommandWorkspace
) -> None:
    busy = ServerFaults(write_error_on=3, write_error_status=429, write_error_times=None, retry_after=90)
    opened = serve(open_command_workspace, 12, busy)
    process = opened.start("apply", "plan.json")
    wait_for(lambda: len(opened.service.writes) >= 3)
    time.sleep(0.5)
    end = stopped(process, number, 15)
    assert re.search(r"Waiting 9\d seconds, until [-0-9 :]+ UTC, as the service asks, for try 2 of", end.err)
    assert "10 changes not started: interrupted" in end.out
    assert events(opened, "started") == events(opened, "finished")
    opened.service.faults = ServerFaults()
    assert opened.run("apply", str(opened.root / "plan.json")).code == 0
    assert len({write.user_name for write in opened.service.writes if write.status == 200}) == 12


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("page", [1, 2])
def test_a_signal_while_reading_ends_at_once_though_the_service_hangs(
    number: signal.Signals, page: int, open_command_workspace: OpenCommandWorkspace
) -> None:
    live, wanted = sample_users(450)
    opened = open_command_workspace(live)
    opened.users(wanted)

    def hang(entry: Logged) -> None:
        if entry.nth_list == page - 1:
            opened.service.faults = replace(opened.service.faults, latency=25)

    opened.service.after = hang
    if page == 1:
        opened.service.faults = ServerFaults(latency=25)
    process = opened.start("apply", "--auto-approve")
    wait_for(lambda: len(opened.service.log) >= page)
    time.sleep(0.2)
    end = stopped(process, number, 10)
    assert (end.out, messages(end.err)) == ("", ["Interrupted."])
    assert opened.service.writes == []
    assert opened.receipts() == []


def test_a_signal_during_a_pause_while_reading(open_command_workspace: OpenCommandWorkspace) -> None:
    live, wanted = sample_users(450)
    opened = open_command_workspace(
        live, ServerFaults(error_on_page=2, error_status=429, error_times=None, retry_after=60)
    )
    opened.users(wanted)
    process = opened.start("plan")
    wait_for(lambda: len(opened.service.log) >= 2)
    time.sleep(0.3)
    end = stopped(process, signal.SIGTERM, 10)
    assert end.out == ""


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_while_modules_are_imported_ends_without_a_traceback(number: signal.Signals, signals: int) -> None:
    """The import of the command line is one that waits."""
    code = (
        "import sys, time, types\n"
        "from reconciler.__main__ import main\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'reconciler.cli':\n"
        "            print('imports', flush=True)\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "main()\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"imports\n"
        for _ in range(signals):
            process.send_signal(number)
        assert process.stderr.read() == b"Interrupted.\n"
    assert process.returncode == 130


def test_a_signal_that_the_caller_ignores_is_ignored() -> None:
    code = (
        "import os, signal, sys\n"
        "from reconciler.__main__ import main\n"
        "class Hangup:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        os.kill(os.getpid(), signal.SIGHUP)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "sys.meta_path.insert(0, Hangup())\n"
        "sys.argv[1:] = ['version']\n"
        "main()\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
