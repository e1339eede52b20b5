from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.scim.retry import Wait
from reconciler.session.waiting import WaitReport, describe_wait

NOW = datetime(2026, 12, 1, 8, 0, 0, tzinfo=UTC)
PAGE, REFUSED = "the page from startIndex 201 on", 'the service refused it (503): "ada is busy"'


def failed(attempt: int, elapsed: float, seconds: float, *, asked: bool = False, retry: bool = True) -> Wait:
    return Wait(PAGE, REFUSED, attempt, elapsed, seconds, asked, retry)


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (
            failed(3, 1.0, 12.8),
            f"Waiting 13 seconds, until 08:00:13 UTC, for try 4 of {PAGE}: {REFUSED}",
        ),
        (
            failed(1, 0.0, 20.0, asked=True),
            f"Waiting 20 seconds, until 08:00:20 UTC, as the service asks, for try 2 of {PAGE}: {REFUSED}",
        ),
        (
            failed(1, 0.0, 0.2, retry=False),
            f"Waiting 1 second, until 08:00:01 UTC, before the next request; {PAGE}: {REFUSED}",
        ),
    ],
)
def test_a_pause_says_until_when_for_what_and_why(wait: Wait, text: str) -> None:
    assert describe_wait(wait, NOW) == text


class Reported:
    """Waits reported to a terminal, each at a number of seconds after `NOW`."""

    def __init__(self, *waits: tuple[float, Wait], verbose: bool = False, redact: bool = False) -> None:
        times = iter([0.0, *(at for at, _ in waits)])
        terminal = RecordingTerminal(verbose=verbose, redact=redact)
        report = WaitReport(terminal, lambda: NOW + timedelta(seconds=next(times)))
        for _, wait in waits:
            report(wait)
        self.notes = terminal.notes


@pytest.mark.parametrize(
    ("wait", "noted"),
    [
        (failed(1, 0.0, 4.9), False),
        (failed(1, 0.0, 5.0), True),
        (failed(4, 3.0, 1.6), False),
        (failed(5, 3.0, 3.2), True),
        (failed(1, 30.0, 0.2), True),
    ],
)
def test_what_takes_longer_than_five_seconds_is_noted_and_the_rest_is_a_detail(wait: Wait, noted: bool) -> None:
    assert len(Reported((0.0, wait)).notes) == noted
    assert len(Reported((0.0, wait), verbose=True).notes) == 1


def test_requests_that_fail_together_are_noted_once() -> None:
    waits = [(0.1 * number, failed(6, 6.2, 6.4)) for number in range(4)]
    assert len(Reported(*waits).notes) == 1
    assert len(Reported(*waits, verbose=True).notes) == 4
    assert len(Reported(*waits, (6.5, failed(7, 12.7, 12.8))).notes) == 2


def test_short_pauses_that_follow_each_other_are_noted_every_five_seconds() -> None:
    """Each is another request's: the first one that fails stops all the others."""
    waits = [(2.0 * number, failed(1, 0.0, 1.8)) for number in range(10)]
    assert len(Reported(*waits).notes) == 3
    assert Reported(*[(at * 2.0, wait) for at, wait in waits]).notes == []


def test_values_are_hidden_on_request() -> None:
    (note,) = Reported((0.0, failed(1, 0.0, 9.0)), redact=True).notes
    assert "ada" not in note
    assert note.endswith("the service refused it (503): (hidden)")


def test_a_wait_for_the_service_to_show_changes_is_noted_once() -> None:
    terminal = RecordingTerminal()
    report = WaitReport(terminal, lambda: NOW)
    for _ in range(3):
        report.wait_for("the service to show 3 changes that it accepted", 10.0)
    assert terminal.notes == [
        "Waiting for the service to show 3 changes that it accepted: until 08:00:10 UTC at most.",
    ]
