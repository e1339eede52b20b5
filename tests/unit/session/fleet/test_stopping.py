from __future__ import annotations

import os
import select
import signal
import threading

import pytest

from reconciler.session.fleet.stopping import StopSwitch, stop_on_signals


def is_readable(switch: StopSwitch) -> bool:
    return bool(select.select([switch], [], [], 0)[0])


def test_requests_are_counted_and_taken_once() -> None:
    switch = StopSwitch()
    assert not is_readable(switch)
    switch.request()
    switch.request()
    assert (switch.requests, switch.take(), is_readable(switch)) == (2, 2, False)
    switch.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_request_and_the_next_one_another(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as switch:
        os.kill(os.getpid(), number)
        assert switch.requests == 1
        os.kill(os.getpid(), number)
        assert switch.requests == 2
    assert signal.getsignal(number) == before
    assert capfd.readouterr().err == (
        "\nInterrupt received: no tenant is begun, the others finish what is in flight. "
        "Press Ctrl-C again to end them at once.\n"
        "\nInterrupted: requests in flight may have taken effect. Run the same command again.\n"
    )


def test_the_third_signal_ends_the_command() -> None:
    process = os.fork()
    if process == 0:
        with stop_on_signals():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130


def test_a_signal_that_the_caller_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as switch:
            os.kill(os.getpid(), signal.SIGHUP)
            assert switch.requests == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_no_signal_is_taken() -> None:
    before = signal.getsignal(signal.SIGTERM)
    found: list[object] = []

    def look() -> None:
        with stop_on_signals() as switch:
            switch.request()
            found.extend([switch.take(), signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [1, before]
