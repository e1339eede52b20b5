"""The protocol of the server; what its processes do is in test_processes.py."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from support.fleet_program import main, make_task

from reconciler.session.fleet.channel import MessageChannel


@contextmanager
def fork_server() -> Iterator[tuple[MessageChannel, int]]:
    ours, theirs = socket.socketpair()
    parent, process = os.getpid(), os.fork()
    if process == 0:
        ours.close()
        try:
            main(theirs.detach(), parent)
        finally:
            os._exit(0)
    theirs.close()
    channel = MessageChannel(ours)
    yield channel, process
    channel.close()
    os.waitpid(process, 0)


def receive(channel: MessageChannel, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count and not channel.closed:
        found += channel.receive()
    return found


def test_it_says_when_it_is_ready_and_how_each_process_ended(tmp_path: Path) -> None:
    with fork_server() as (channel, _):
        assert receive(channel) == [{"ready": True}]
        for name in ("ok", "killed"):
            channel.send(task=asdict(make_task(tmp_path, name)))
        ended = receive(channel, 2)
        assert {each["ended"]: each["status"] for each in ended} == {"ok": 0, "killed": -9}


def test_a_signal_goes_to_one_tenant_or_to_all(tmp_path: Path) -> None:
    with fork_server() as (channel, _):
        receive(channel)
        for name in ("waits-1", "waits-2", "waits-3"):
            channel.send(task=asdict(make_task(tmp_path, name)))
        channel.send(signal=signal.SIGTERM, tenant="waits-2")
        assert receive(channel) == [{"ended": "waits-2", "status": 130}]
        channel.send(signal=signal.SIGTERM)
        assert {each["ended"] for each in receive(channel, 2)} == {"waits-1", "waits-3"}


def test_it_ends_with_the_other_end_of_its_channel() -> None:
    with fork_server() as (channel, process):
        receive(channel)
    # It was waited for.
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
