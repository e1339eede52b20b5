from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from reconciler.scim.deadline import Deadline, DeadlineExceededError


class Stream:
    """A connection as httpcore's trace hands it out."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self._ours


@contextmanager
def connection(deadline: Deadline, event: str = "connection.connect_tcp.complete") -> Iterator[socket.socket]:
    """A connection of this thread, whose other side is silent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        deadline.trace(event, {"return_value": Stream(ours)})
        yield ours


@pytest.fixture
def deadline() -> Iterator[Deadline]:
    found = Deadline()
    yield found
    found.close()


def receive(ours: socket.socket) -> None:
    """Wait for an answer as httpx does."""
    if not ours.recv(1):
        raise httpx.RemoteProtocolError("Server disconnected")


@pytest.mark.parametrize("event", ["connection.connect_tcp.complete", "connection.start_tls.complete"])
def test_a_request_that_takes_too_long_is_hung_up_on(event: str, deadline: Deadline) -> None:
    began = time.monotonic()
    with (
        connection(deadline, event) as ours,
        pytest.raises(DeadlineExceededError, match=r"^the service's answer takes longer than 0 seconds$"),
        deadline.limit(0.1),
    ):
        receive(ours)
    assert 0.1 <= time.monotonic() - began < 5


def test_a_request_within_its_time_is_left_alone(deadline: Deadline) -> None:
    with connection(deadline) as ours:
        with deadline.limit(0.1):
            pass
        time.sleep(0.5)
        assert ours.send(b"x") == 1


def test_errors_before_the_deadline_pass_through(deadline: Deadline) -> None:
    with pytest.raises(httpx.ReadError), deadline.limit(0.1):
        raise httpx.ReadError("reset")


def receive_and_raise(ours: socket.socket, error: type[BaseException]) -> None:
    ours.recv(1)
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_other_errors_pass_through_after_it_too(error: type[BaseException], deadline: Deadline) -> None:
    with connection(deadline) as ours, pytest.raises(error), deadline.limit(0.1):
        receive_and_raise(ours, error)


def test_the_next_request_of_a_thread_has_its_whole_time(deadline: Deadline) -> None:
    with connection(deadline) as ours, pytest.raises(DeadlineExceededError), deadline.limit(0.1):
        receive(ours)
    with connection(deadline), pytest.raises(httpx.ReadError), deadline.limit(0.1):
        raise httpx.ReadError("reset")


def test_only_the_thread_that_is_late_is_hung_up_on() -> None:
    now = [0.0]
    deadline = Deadline(clock=lambda: now[0])
    results: dict[str, str] = {}
    started, release = threading.Barrier(3), threading.Event()

    def request(name: str) -> None:
        with connection(deadline) as ours:
            try:
                with deadline.limit(10):
                    started.wait()
                    release.wait(10)
                    receive(ours)
            except DeadlineExceededError:
                results[name] = "late"
            except TimeoutError:
                results[name] = "waiting"

    def prompt() -> None:
        with connection(deadline) as ours:
            with deadline.limit(10):
                started.wait()
            release.wait(10)
            results["prompt"] = "open" if ours.send(b"x") else "closed"

    threads = [threading.Thread(target=request, args=("slow",)), threading.Thread(target=prompt)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(0.05)
    now[0] = 11.0
    release.set()
    for thread in threads:
        thread.join(15)
    deadline.close()
    assert results == {"slow": "late", "prompt": "open"}


def test_other_events_are_ignored(deadline: Deadline) -> None:
    event: dict[str, Any] = {"return_value": object()}
    deadline.trace("http11.send_request_headers.complete", event)


def test_closing_ends_the_watch() -> None:
    deadline = Deadline()
    with deadline.limit(0.1):
        pass
    watchers = [thread for thread in threading.enumerate() if thread.name == "deadline" and thread.is_alive()]
    assert watchers
    deadline.close()
    watchers[-1].join(2)
    assert not watchers[-1].is_alive()
