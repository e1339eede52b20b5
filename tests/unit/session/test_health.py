from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.recording_terminal import RecordingTerminal
from support.sample_org import person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.apply.quarantine import Health, QuarantineState
from reconciler.record.runs import Quarantine, QuarantineReason
from reconciler.session.health import assess_health, report_health
from reconciler.session.live_plan import make_plan

BEGAN = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
STATE = QuarantineState(Quarantine(QuarantineReason.REFUSED, 'it said "no"'), BEGAN, BEGAN, 1)


def test_a_failing_user_is_known_from_receipts(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
    target.apply()
    with target.session() as session:
        health = assess_health(session, make_plan(session, (), target.terminal))
    assert list(health.failing_users) == ['user["ada@example.com"]']


@pytest.mark.parametrize(
    ("deferred", "note"),
    [
        (1, "1 change is deferred because it failed before; --retry-failed retries now."),
        (2, "2 changes are deferred because they failed before; --retry-failed retries now."),
    ],
)
def test_deferred_changes_are_counted(terminal: RecordingTerminal, deferred: int, note: str) -> None:
    report_health(Health(), deferred, 0, terminal)
    assert terminal.notes == [note]


def test_a_healthy_target_needs_no_note(terminal: RecordingTerminal) -> None:
    report_health(Health(), 0, 5, terminal)
    assert terminal.notes == []


@pytest.mark.parametrize(("redact", "message"), [(False, 'it said "no"'), (True, "it said (hidden)")])
def test_a_quarantine_is_explained(redact: bool, message: str) -> None:
    terminal = RecordingTerminal(redact=redact)
    report_health(Health(quarantine=STATE), 0, 5, terminal)
    assert terminal.notes == [
        f"This target is in quarantine since 2026-11-01 08:30 UTC: {message}.",
        "So apply begins with a probe of 5 changes, and continues only if it succeeds.",
    ]
