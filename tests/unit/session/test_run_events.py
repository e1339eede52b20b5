"""What a run found, by its error or exit code; plans and outcomes are in test_notifications.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NOW
from support.plans import every_action

from reconciler.apply.report import Report
from reconciler.core.plan import Action, Attribution, Guard, Outcome, Result
from reconciler.errors import (
    BlockedError,
    ExitCode,
    LockedError,
    MachineLimitError,
    ReconcilerError,
    StalePlanError,
    StopRequestedError,
    TargetError,
    UsageError,
)
from reconciler.notify.event import CALM, Count, EventCause, EventKind
from reconciler.record.runs import Quarantine, QuarantineReason
from reconciler.session.run_events import RunEvents


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TargetError("x"), EventCause.REFUSED),
        (MachineLimitError("x"), EventCause.ERROR),
        (StalePlanError("x"), EventCause.STALE),
        (BlockedError("x"), EventCause.BLOCKED),
        (ReconcilerError("x"), EventCause.ERROR),
        (RuntimeError("x"), EventCause.ERROR),
        (UsageError("x"), None),
        (LockedError("x"), None),
        (StopRequestedError("x"), None),
        (KeyboardInterrupt(), None),
        (SystemExit(1), None),
    ],
)
def test_errors_by_their_class(error: BaseException, cause: EventCause | None) -> None:
    for command in ("apply", "drift"):
        found = RunEvents(command).find(ExitCode.ERROR, error, NOW)
        told = [(EventKind.FAILURE, str(cause), command, cause)] if cause is not None else []
        assert [(each.kind, each.state, each.subject, each.cause) for each in found] == told


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, CALM), (5, CALM), (3, EventCause.BLOCKED), (1, EventCause.ERROR), (64, None), (130, None)],
)
def test_imports_by_their_exit_code(code: int, state: str | None) -> None:
    found = RunEvents("import").find(code, None, NOW)
    assert [(each.kind, each.state) for each in found] == ([(EventKind.IMPORT, state)] if state is not None else [])


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (QuarantineReason.REFUSED, EventCause.REFUSED),
        (QuarantineReason.PROPORTION, EventCause.FAILURE_SHARE),
        (QuarantineReason.TOTAL, EventCause.FAILURE_COUNT),
    ],
)
def test_a_quarantine_is_one_event_not_two(reason: QuarantineReason, cause: EventCause) -> None:
    events = report_of(Report(stopped=TargetError("x"), quarantine=Quarantine(reason, "words of the service")))
    (found,) = events.find(ExitCode.PARTIAL, None, NOW)
    assert (found.kind, found.state, found.cause) == (EventKind.QUARANTINE, cause, cause)
    assert "words" not in repr(found)


def test_a_machine_that_stops_an_apply_and_a_time_limit_are_failures() -> None:
    (found,) = report_of(Report(stopped=MachineLimitError("x"))).find(ExitCode.ERROR, None, NOW)
    assert (found.kind, found.cause) == (EventKind.FAILURE, EventCause.ERROR)
    (found,) = report_of(Report(interrupted=True, timed_out="3 hours")).find(ExitCode.PARTIAL, None, NOW)
    assert (found.kind, found.cause) == (EventKind.FAILURE, EventCause.TIME_LIMIT)


def test_outcomes_are_counted_by_action_and_result() -> None:
    changes = every_action().changes
    create = next(change for change in changes if change.action is Action.CREATE)
    update = next(change for change in changes if change.action is Action.UPDATE)
    outcomes = [Outcome(create, Result.FAILED), Outcome(create, Result.FAILED), Outcome(update, Result.DONE)]
    quarantine, failure = report_of(Report(outcomes=outcomes)).find(ExitCode.PARTIAL, None, NOW)
    assert (quarantine.kind, quarantine.state) == (EventKind.QUARANTINE, CALM)
    in_error = every_action().tally.failed
    assert failure.counts == (
        Count("create", "failed", 2),
        Count("update", "done", 1),
        *([Count("", "in_error", in_error)] if in_error else []),
    )
    assert failure.names == (create.key, create.key)


@pytest.mark.parametrize("complete", [True, False])
def test_a_read_that_is_not_complete_ends_no_drift(*, complete: bool) -> None:
    events = RunEvents("drift")
    events.planned(replace(every_action(), changes=(), guards=(), complete=complete))
    found = [(each.kind, each.state) for each in events.find(ExitCode.OK, None, NOW)]
    assert found == [(EventKind.FAILURE, CALM), *([(EventKind.DRIFT, CALM)] if complete else [])]
    events.planned(replace(every_action(), changes=(), guards=(Guard("removals", passed=False, message="x"),)))
    assert [each.kind for each in events.find(ExitCode.BLOCKED, None, NOW)] == [EventKind.FAILURE]


@pytest.mark.parametrize(
    ("guard", "kinds"),
    [
        ("complete-read", [(EventKind.FAILURE, "blocked")]),
        ("target", [(EventKind.FAILURE, "blocked")]),
        ("tenant", [(EventKind.FAILURE, "blocked")]),
        ("disconnect", [(EventKind.FAILURE, "disconnected")]),
        ("removals", [(EventKind.FAILURE, CALM), (EventKind.DRIFT, "found")]),
    ],
)
def test_edits_that_a_guard_doubts_are_no_drift(guard: str, kinds: list[tuple[EventKind, str]]) -> None:
    edits = tuple(replace(change, attribution=Attribution.EDITED_IN_TARGET) for change in every_action().changes)
    events = RunEvents("drift")
    events.planned(replace(every_action(), changes=edits, guards=(Guard(guard, passed=False, message="x"),)))
    found = events.find(ExitCode.BLOCKED, None, NOW)
    assert [(each.kind, each.state) for each in found] == kinds
    assert any(guard in fact for fact in found[-1].facts)
    approved = Guard(guard, passed=False, message="x", approved=True)
    events.planned(replace(every_action(), changes=edits, guards=(approved,)))
    assert [each.kind for each in events.find(ExitCode.OK, None, NOW)] == [EventKind.FAILURE, EventKind.DRIFT]


def report_of(report: Report) -> RunEvents:
    events = RunEvents("apply")
    events.planned(every_action())
    events.applied(report)
    return events
