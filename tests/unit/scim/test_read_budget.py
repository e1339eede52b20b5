from __future__ import annotations

import pytest

from reconciler.errors import TargetError
from reconciler.scim.pace import WINDOW
from reconciler.scim.read_budget import BASE_BYTES, BYTES_PER_USER, MAX_SECONDS, ReadBudget


class Read:
    """A read under a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.budget = ReadBudget(clock=lambda: self.now)

    def pages(self, number: int, total: int, *, size: int, seconds: float, done: int = 0) -> None:
        """Read pages of `size` users, `seconds` apart, after `done` users."""
        for page in range(1, number + 1):
            self.budget.check_time()
            self.now += seconds
            self.budget.record_progress(min(done + page * size, total), total)


def test_a_million_users_are_read_from_a_slow_service() -> None:
    read = Read()
    read.pages(10_000, 1_000_000, size=100, seconds=1.75)  # four at once, seven seconds each
    read.budget.check_time()


def test_a_million_users_of_large_pages_are_within_the_bytes() -> None:
    read = Read()
    for page in range(1, 10_001):
        read.budget.record_bytes(100 * BYTES_PER_USER)
        read.budget.record_progress(page * 100, 1_000_000)


def test_few_users_may_come_slowly() -> None:
    read = Read()
    read.pages(300, 300, size=1, seconds=5)
    read.budget.check_time()


def test_a_user_for_each_page_of_five_seconds_ends_after_a_quarter_of_an_hour() -> None:
    read = Read()
    message = (
        r"^the users cannot be read within 5 hours at this pace: 181 of 1,000,000 users received, "
        r"180 of them in the last 15 minutes$"
    )
    with pytest.raises(TargetError, match=message):
        read.pages(1_000_000, 1_000_000, size=1, seconds=5)
    assert read.now - 1000 < WINDOW + 10


def test_nothing_is_judged_before_the_window_is_over() -> None:
    read = Read()
    read.budget.record_progress(1, 1_000_000)
    read.now += WINDOW - 1
    read.budget.check_time()
    read.now += 1
    with pytest.raises(TargetError, match="0 of them in the last 15 minutes"):
        read.budget.check_time()


def test_a_service_that_becomes_slow_is_judged_by_its_present_pace() -> None:
    read = Read()
    read.pages(1000, 1_000_000, size=100, seconds=1)
    began = read.now
    with pytest.raises(TargetError, match="at this pace"):
        read.pages(1_000_000, 1_000_000, size=1, seconds=5, done=100_000)
    assert read.now - began < 2 * WINDOW


def test_an_outage_of_five_minutes_is_waited_for() -> None:
    read = Read()
    read.pages(2000, 1_000_000, size=100, seconds=1.7)
    read.now += 300
    read.pages(4000, 1_000_000, size=100, seconds=1.7, done=200_000)


def test_a_read_ends_at_the_ceiling_whatever_its_pace() -> None:
    read = Read()
    read.pages(10, 11, size=1, seconds=MAX_SECONDS / 10)
    read.now += 1
    with pytest.raises(TargetError, match=r"^reading the users took longer than 5 hours: 10 of 11 users received$"):
        read.budget.check_time()


def test_a_read_without_any_answer_ends_at_the_ceiling() -> None:
    read = Read()
    read.now += MAX_SECONDS + 1
    with pytest.raises(TargetError, match=r"longer than 5 hours: none received$"):
        read.budget.check_time()


def test_after_the_last_user_only_the_ceiling_counts() -> None:
    read = Read()
    read.pages(3, 3, size=1, seconds=1)
    read.now += 3 * WINDOW
    read.budget.check_time()


@pytest.mark.parametrize("total", [400, 399])
def test_a_list_that_is_read_again_begins_a_new_window_in_the_same_budget(total: int) -> None:
    read = Read()
    read.pages(400, 400, size=1, seconds=2)
    read.now += WINDOW
    read.budget.record_progress(1, total)
    read.now += WINDOW - 1
    read.budget.check_time()
    read.now += MAX_SECONDS
    with pytest.raises(TargetError, match="longer than 5 hours"):
        read.budget.check_time()


def test_bytes_beyond_what_the_users_account_for_end_the_read() -> None:
    read = Read()
    read.budget.record_progress(100, 1_000_000)
    read.budget.record_bytes(BASE_BYTES + 100 * BYTES_PER_USER)
    with pytest.raises(TargetError, match=r"^the service's answers are too large: 257 MiB for 100 users$"):
        read.budget.record_bytes(1)


def test_users_of_every_pass_account_for_bytes() -> None:
    read = Read()
    for _ in range(3):
        read.budget.record_progress(100, 200)
        read.budget.record_progress(200, 200)
    read.budget.record_bytes(BASE_BYTES + 600 * BYTES_PER_USER)
    with pytest.raises(TargetError, match="for 600 users"):
        read.budget.record_bytes(1)


def test_progress_is_passed_on() -> None:
    seen: list[tuple[str, int, int]] = []
    read = Read()
    read.budget.watch(lambda *step: seen.append(step))("Reading", 7, 9)
    assert seen == [("Reading", 7, 9)]
    read.now += MAX_SECONDS + 1
    with pytest.raises(TargetError, match="7 of 9 users received"):
        read.budget.check_time()
