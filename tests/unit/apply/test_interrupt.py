from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from reconciler.apply.interrupt import finish_on_interrupt

SIGNALS = [signal.SIGINT, signal.SIGTERM]
SCRIPT = """
import os, signal, sys, threading, time
from reconciler.apply.interrupt import finish_on_interrupt
stop = threading.Event()
with finish_on_interrupt(stop):
    for number in sys.argv[1:]:
        os.kill(os.getpid(), int(number))
        time.sleep(0.01)
    print("stop" if stop.is_set() else "go")
"""


def run(*numbers: int) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", SCRIPT, *map(str, numbers)]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_sets_stop_and_lets_the_work_go_on(number: int) -> None:
    ended = run(number)
    assert (ended.returncode, ended.stdout) == (0, "stop\n")
    assert ended.stderr == ("\nInterrupt received: finishing what is in flight. Press Ctrl-C again to end at once.\n")


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_ends_the_process_at_once(first: int, second: int) -> None:
    ended = run(first, second)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.endswith(
        "\nInterrupted: requests in flight may have taken effect. Run the same command again.\n"
    )


def test_without_a_signal_nothing_happens() -> None:
    ended = run()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "go\n", "")


def test_the_previous_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with finish_on_interrupt(threading.Event()):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_the_previous_handlers_are_restored_after_a_signal_and_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    stop = threading.Event()
    with pytest.raises(ValueError, match="x"), finish_on_interrupt(stop):
        signal_and_raise()
    assert stop.is_set()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert "Interrupt received" in capfd.readouterr().err


def signal_and_raise() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)
    raise ValueError("x")


def test_in_another_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with finish_on_interrupt(threading.Event()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
