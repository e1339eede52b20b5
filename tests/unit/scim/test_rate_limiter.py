"""The rate limiter with a simulated clock, and with real threads."""

from __future__ import annotations

import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from reconciler.errors import StopRequestedError, TargetError
from reconciler.scim.rate_limiter import NoSlotInTimeError, RateLimiter, Slot
from reconciler.scim.retry import FREE_RETRIES, MAX_PAUSE, PATIENCE, TransientFailure
from reconciler.scim.shared_rate import SharedRate


class Clock:
    """A time that only moves when asked to, and an event that moves it instead of waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float | None = None) -> bool:
        self.waits.append(seconds or 0.0)
        self.now += seconds or 0.0
        return False

    def is_set(self) -> bool:
        return False


def build_limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(clock, clock=clock, spread=lambda: 0.0)  # type: ignore[arg-type]


def fail(limiter: RateLimiter, pause: float | None, attempt: int = 1) -> float:
    refusal = TransientFailure("it refused (503)", pause, busy=True)
    with limiter.slot(writes=False) as slot:
        seconds = limiter.record_refused(slot, attempt, refusal)
        limiter.allow_retry(attempt, refusal)
    return seconds


def fail_forever(limiter: RateLimiter, pause: float | None, accepted_every: int = 10_000) -> None:
    for number in range(1, 1000):
        fail(limiter, pause)
        if number % accepted_every == 0:
            limiter.record_accepted(Slot(limiter._clock()))


def test_every_thread_waits_for_the_pause_of_one_refusal() -> None:
    limiter = build_limiter(Clock())
    assert fail(limiter, 7.0) == 7.0
    with limiter.slot(writes=False) as slot:
        assert slot.sent_at == pytest.approx(107.0)


def test_a_pause_is_bounded() -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    fail(limiter, 50_000.0)
    with limiter.slot(writes=False) as slot:
        assert slot.sent_at == pytest.approx(100.0 + MAX_PAUSE)


def test_without_retry_after_each_pause_is_twice_the_last_until_one_is_accepted() -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    for _ in range(4):
        fail(limiter, None)
    with limiter.slot(writes=False) as slot:
        limiter.record_accepted(slot)
    fail(limiter, None)
    with limiter.slot(writes=False):
        pass
    assert [round(wait, 1) for wait in clock.waits if wait > 0.1] == [0.2, 0.4, 0.8, 1.6, 0.2]


def test_a_service_that_always_refuses_ends_the_run_when_its_patience_is_over() -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    with pytest.raises(TargetError, match=r"has accepted no request for 5 minutes: it refused \(503\)"):
        fail_forever(limiter, None)
    assert PATIENCE < clock.now - 100.0 < PATIENCE + 60


def test_a_service_that_accepts_little_ends_the_run_when_its_retries_are_spent() -> None:
    limiter = build_limiter(Clock())
    with pytest.raises(TargetError, match=r"\d\d requests had to be sent again, the last because it refused"):
        fail_forever(limiter, 0.0, accepted_every=5)
    assert FREE_RETRIES == 60


def test_a_service_that_accepts_two_of_three_requests_never_ends_the_run() -> None:
    limiter = build_limiter(Clock())
    for _ in range(500):
        with limiter.slot(writes=False) as slot:
            limiter.record_accepted(slot)
        with limiter.slot(writes=False) as slot:
            limiter.record_accepted(slot)
        fail(limiter, 0.0)


def test_a_request_that_must_leave_earlier_does_not_wait_for_the_pause() -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    fail(limiter, 60.0)
    with pytest.raises(NoSlotInTimeError), limiter.slot(writes=False, until=159.0):
        pass
    assert (clock.now, clock.waits) == (100.0, [])
    with limiter.slot(writes=False, until=161.0) as slot:
        assert slot.sent_at == pytest.approx(160.0)


# --- threads -----------------------------------------------------------------------------------


def test_a_long_pause_ends_when_the_run_is_to_end() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 60.0)
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(StopRequestedError), limiter.slot(writes=False):
            pass
        ended.append(time.monotonic())

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(wait)
        time.sleep(0.1)
        asked = time.monotonic()
        stop.set()
    assert len(ended) == 8
    assert max(ended) - asked < 5


def test_a_read_that_waits_only_a_moment_still_gets_its_slot() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 0.2)
    stop.set()
    with limiter.slot(writes=False):
        pass


def test_after_a_refusal_one_request_is_sent_alone() -> None:
    limiter, seen, most = RateLimiter(), [], 0  # type: tuple[RateLimiter, list[int], int]
    fail(limiter, 0.0)

    def send() -> None:
        with limiter.slot(writes=False) as slot:
            seen.append(limiter._in_flight)
            time.sleep(0.01)
            if len(seen) > 3:
                limiter.record_accepted(slot)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(40):
            pool.submit(send)
    most = max(seen[:3])
    assert most == 1
    assert len(seen) == 40


@pytest.mark.parametrize(("in_flight", "most"), [(None, 4), (6, 6)])
def test_so_many_requests_are_in_flight_at_first(in_flight: int | None, most: int) -> None:
    limiter = RateLimiter() if in_flight is None else RateLimiter(in_flight=in_flight)
    with ExitStack() as open_slots:
        for _ in range(most):
            open_slots.enter_context(limiter.slot(writes=False))
        with pytest.raises(NoSlotInTimeError), limiter.slot(writes=False, until=time.monotonic()):
            pass


def test_a_request_that_must_leave_soon_does_not_wait_for_others_for_long() -> None:
    limiter = RateLimiter()
    fail(limiter, None)
    began = time.monotonic()
    with limiter.slot(writes=False):  # one alone, after the refusal
        with pytest.raises(NoSlotInTimeError), limiter.slot(writes=False, until=began + 0.4):
            pass
        assert time.monotonic() - began < 5
        waiting = threading.Thread(target=limiter.slot(writes=False).__enter__, daemon=True)
        waiting.start()  # it holds the turn of the next request
        time.sleep(0.1)
        with pytest.raises(NoSlotInTimeError), limiter.slot(writes=False, until=time.monotonic() + 0.2):
            pass
    waiting.join(5)
    assert not waiting.is_alive()
    assert time.monotonic() - began < 10


def test_a_waiting_write_is_not_sent_once_the_run_is_to_end() -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    fail(limiter, 0.2)
    stop.set()
    with pytest.raises(StopRequestedError), limiter.slot(writes=True):
        pass


def test_no_more_changes_are_admitted_than_can_be_sent_soon() -> None:
    limiter, most, serve = RateLimiter(), [0], [0]

    def work() -> None:
        with limiter.admission():
            serve[0] += 1
            most[0] = max(most[0], serve[0])
            time.sleep(0.01)
            serve[0] -= 1

    with ThreadPoolExecutor(16) as pool:
        for _ in range(40):
            pool.submit(work)
    assert most == [8]


def test_what_one_phase_bore_is_where_the_next_begins() -> None:
    limiter = RateLimiter(in_flight=16)
    assert limiter.learned.in_flight == 0, "nothing was sent"
    for in_flight in (6, 12):
        with ExitStack() as open_slots:
            slots = [open_slots.enter_context(limiter.slot(writes=False)) for _ in range(in_flight)]
            limiter.record_accepted(slots[0])
        assert limiter.learned.in_flight == min(in_flight, 8), "writes are another matter"
    fail(limiter, 0.0)
    assert limiter.learned.in_flight == 0
    assert limiter.learned.peak < 100
    assert RateLimiter(learned=limiter.learned).learned.peak == limiter.learned.peak


# --- a rate that processes share ----------------------------------------------------------------


def share(limiter: RateLimiter, path: Path, clock: Clock, per_second: float = 10) -> SharedRate:
    handle = os.open(path / "rate", os.O_RDWR | os.O_CREAT, 0o600)
    limiter.shared = SharedRate(handle, per_second, clock=clock, sleep=lambda _seconds: None, boot_id=b"")
    return limiter.shared


def send(limiter: RateLimiter, *, until: float = math.inf) -> float:
    with limiter.slot(writes=False, until=until) as slot:
        limiter.record_accepted(slot)
    return slot.sent_at


def test_limiters_of_one_address_share_a_rate(tmp_path: Path) -> None:
    clock = Clock()
    one, other = build_limiter(clock), build_limiter(clock)
    with closing(share(one, tmp_path, clock)), closing(share(other, tmp_path, clock)):
        assert [send(one), send(other), send(one), send(other)] == pytest.approx([100.0, 100.1, 100.2, 100.3])


def test_all_limiters_wait_when_one_is_refused(tmp_path: Path) -> None:
    clock = Clock()
    one, other = build_limiter(clock), build_limiter(clock)
    with closing(share(one, tmp_path, clock)), closing(share(other, tmp_path, clock)):
        fail(one, 7.0)
        assert send(other) == pytest.approx(107.0)
        assert send(one) == pytest.approx(107.1)


def test_an_outage_is_no_reason_for_others_to_wait(tmp_path: Path) -> None:
    clock = Clock()
    one, other = build_limiter(clock), build_limiter(clock)
    with closing(share(one, tmp_path, clock)), closing(share(other, tmp_path, clock)):
        with one.slot(writes=False) as slot:
            one.record_refused(slot, 1, TransientFailure("it failed (503)", 7.0, busy=False))
        assert send(other) == pytest.approx(100.1)


def test_a_pause_that_begins_while_a_slot_is_waited_for_counts(tmp_path: Path) -> None:
    clock = Clock()
    one, other = build_limiter(clock), build_limiter(clock)
    with closing(share(one, tmp_path, clock)), closing(share(other, tmp_path, clock)) as shared:
        send(one)
        wait, held = clock.wait, []

        def hold_meanwhile(seconds: float | None = None) -> bool:
            if not held:
                held.append(True)
                shared.hold(5)
            return wait(seconds)

        clock.wait = hold_meanwhile  # type: ignore[method-assign]
        assert send(one) == pytest.approx(105.0)


def test_a_pause_of_the_run_that_begins_while_a_slot_is_waited_for_counts(tmp_path: Path) -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    with closing(share(limiter, tmp_path, clock)):
        send(limiter)
        wait, failed = clock.wait, []

        def fail_meanwhile(seconds: float | None = None) -> bool:
            if not failed:
                failed.append(True)
                limiter.record_refused(Slot(clock.now), 1, TransientFailure("it failed (503)", 5.0, busy=False))
            return wait(seconds)

        clock.wait = fail_meanwhile  # type: ignore[method-assign]
        assert send(limiter) == pytest.approx(105.0)


def test_a_shared_slot_that_comes_too_late_is_none(tmp_path: Path) -> None:
    clock = Clock()
    limiter = build_limiter(clock)
    with closing(share(limiter, tmp_path, clock)) as shared:
        shared.hold(7)
        with pytest.raises(NoSlotInTimeError):
            send(limiter, until=clock.now + 5)
        assert clock.now == 100.0
        assert send(limiter, until=clock.now + 8) == pytest.approx(107.0)


def test_the_end_of_the_run_ends_the_wait_for_a_shared_slot(tmp_path: Path) -> None:
    stop = threading.Event()
    limiter = RateLimiter(stop)
    handle = os.open(tmp_path / "rate", os.O_RDWR | os.O_CREAT, 0o600)
    limiter.shared = SharedRate(handle, 1.0)
    with closing(limiter.shared):
        limiter.shared.hold(60)
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(StopRequestedError), limiter.slot(writes=False):
            pass
