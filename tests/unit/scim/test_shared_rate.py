"""Processes are simulated by handles of one file: flock(2) keeps handles apart that were opened on their own."""

from __future__ import annotations

import heapq
import itertools
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import TargetError
from reconciler.scim.shared_rate import LOCK_SECONDS, LONGEST_HOLD, LONGEST_QUEUE, RateSlots, SharedRate

BOOT = b"b" * 36


class Time:
    """A clock that waiting moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


class Machine:
    """A file, and a clock for all processes."""

    def __init__(self, root: Path, resources: ExitStack, per_second: float = 10) -> None:
        self.path = root / "rate"
        self.time = Time()
        self._resources = resources
        self._per_second = per_second

    def process(self, per_second: float = 0, boot_id: bytes = BOOT) -> SharedRate:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        rate = per_second or self._per_second
        made = SharedRate(handle, rate, clock=self.time, sleep=self.time.sleep, boot_id=boot_id)
        self._resources.callback(made.close)
        return made


@pytest.fixture
def machine(tmp_path: Path, resources: ExitStack) -> Machine:
    return Machine(tmp_path, resources)


def test_processes_share_one_rate(machine: Machine) -> None:
    first, second = machine.process(), machine.process()
    assert [first.reserve(), second.reserve(), first.reserve(), second.reserve()] == pytest.approx([0, 0.1, 0.2, 0.3])
    machine.time.now += 0.25
    assert second.reserve() == pytest.approx(0.15)
    machine.time.now += 60  # what was not used is lost: there is no burst
    assert [first.reserve(), second.reserve()] == pytest.approx([0, 0.1])


def test_a_process_that_ends_holds_nothing(machine: Machine) -> None:
    dead = machine.process()
    dead.reserve()
    dead.close()
    assert machine.process().reserve() == pytest.approx(0.1)
    with pytest.raises(TargetError, match="the request rate that processes share cannot be kept: its file is closed"):
        dead.reserve()


def test_a_slot_that_comes_too_late_is_not_reserved(machine: Machine) -> None:
    one = machine.process()
    one.reserve()
    assert one.reserve(0.05) is None
    assert one.reserve(0.11) == pytest.approx(0.1)


def test_all_wait_when_the_service_asks_one_to_wait(machine: Machine) -> None:
    one, other = machine.process(), machine.process()
    assert not other.is_held()
    one.hold(7)
    one.hold(3)  # the longer one counts
    assert other.is_held()
    assert [other.reserve(), one.reserve()] == pytest.approx([7, 7.1])
    machine.time.now += 7.01
    assert not one.is_held()


@pytest.mark.parametrize(("seconds", "waited"), [(10**9, LONGEST_HOLD), (math.inf, LONGEST_HOLD), (-5, 0)])
def test_a_pause_is_bounded(machine: Machine, seconds: float, waited: float) -> None:
    one = machine.process()
    one.hold(seconds)
    assert one.reserve() == pytest.approx(waited)


def test_the_queue_is_bounded(machine: Machine) -> None:
    one = machine.process(per_second=0.01)
    for _ in range(7):
        one.reserve()
    with pytest.raises(TargetError, match="more requests wait for this address than can be sent in 10 minutes"):
        one.reserve()
    machine.time.now += 101  # what was refused took no slot
    assert one.reserve() == pytest.approx(599)


@pytest.mark.parametrize("back", [1.0, 5_000.0, -1e9])
def test_a_clock_that_jumps_delays_by_a_bounded_time(machine: Machine, back: float) -> None:
    one = machine.process()
    for _ in range(50):
        one.reserve()
    machine.time.now -= back
    seconds = one.reserve()
    assert seconds is not None
    assert seconds <= 5 + 1 + 0.001


def test_after_a_new_start_of_the_machine_the_file_says_nothing(machine: Machine) -> None:
    machine.process(boot_id=b"another").hold(100)
    assert machine.process().reserve() == pytest.approx(0.1)


@given(
    content=st.binary(min_size=1, max_size=80) | st.just(b"rate  01" + BOOT + b"\x00\x00\x00\x00\x00\x00\xf8\x7f" * 2)
)
def test_a_damaged_file_costs_one_slot(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with ExitStack() as resources:
        machine = Machine(tmp_path_factory.mktemp("rate"), resources)
        machine.path.write_bytes(content)
        one = machine.process()
        assert [one.reserve(), one.reserve()] == pytest.approx([0.1, 0.2])


def test_a_holder_that_was_stopped_delays_by_a_bounded_time(machine: Machine) -> None:
    stopped, other = machine.process(), machine.process()
    with stopped._lock():
        began = machine.time.now
        assert other.reserve() == 0
        assert machine.time.now - began == pytest.approx(LOCK_SECONDS, abs=0.1)
        other.hold(60)
        assert not other.is_held()
    assert other.reserve() == 0


@given(
    per_second=st.floats(0.5, 500),
    thoughts=st.lists(st.floats(0, 0.5), min_size=2, max_size=8),
    holds=st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), max_size=3),
)
def test_laws_of_many_processes(
    tmp_path_factory: pytest.TempPathFactory,
    per_second: float,
    thoughts: list[float],
    holds: list[tuple[float, float]],
) -> None:
    """Never above the rate; and unless the service asks to wait, no slot is lost while a process wants one."""
    with ExitStack() as resources:
        machine = Machine(tmp_path_factory.mktemp("rate"), resources, per_second)
        processes = [machine.process() for _ in thoughts]
        began, sent, wanted = machine.time.now, list[float](), list[float]()
        queue = [(began, number) for number in range(len(processes))]
        events = sorted((began + at, seconds) for at, seconds in holds)
        for _ in range(100):
            now, number = heapq.heappop(queue)
            machine.time.now = now
            while events and events[0][0] <= now:
                processes[0].hold(events.pop(0)[1])
            seconds = processes[number].reserve()
            assert seconds is not None
            wanted.append(now)
            sent.append(now + seconds)
            heapq.heappush(queue, (now + seconds + thoughts[number], number))
        gaps = [after - before for before, after in itertools.pairwise(sent)]
        assert min(gaps) >= 1 / per_second * 0.999
        if not holds:
            last = zip(sent[1:], gaps, wanted[1:], strict=True)
            assert all(at == want or gap == pytest.approx(1 / per_second) for at, gap, want in last)


@given(free=st.floats(allow_nan=True), hold=st.floats(allow_nan=True))
def test_what_is_plausible_is_near(free: float, hold: float) -> None:
    if RateSlots(free, hold).is_plausible(0.0):
        at, _ = RateSlots(free, hold).take(0.0, 1)
        assert at <= LONGEST_QUEUE + 100
