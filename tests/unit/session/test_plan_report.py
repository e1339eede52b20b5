from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import builders
from support.recording_terminal import RecordingTerminal

from reconciler.apply.quarantine import Health
from reconciler.core.plan import Plan
from reconciler.errors import ExitCode
from reconciler.render.formats import OutputOptions
from reconciler.session.plan_report import PlanReport, plan_exit_code, report_plan
from reconciler.session.workspace import Workspace

EMPTY = builders.plan_of()
CHANGES = builders.plan_with(builders.change("ada"))
BLOCKED = replace(CHANGES, guards=tuple(replace(guard, passed=False) for guard in EMPTY.guards[:1]))
FAILED = replace(CHANGES, tally=replace(CHANGES.tally, failed=1))


@pytest.mark.parametrize(
    ("plan", "detailed", "code"),
    [
        (EMPTY, True, ExitCode.OK),
        (CHANGES, False, ExitCode.OK),
        (CHANGES, True, ExitCode.CHANGES),
        (FAILED, True, ExitCode.PARTIAL),
        (replace(BLOCKED, tally=FAILED.tally), True, ExitCode.BLOCKED),
    ],
)
def test_the_exit_code_is_the_most_urgent_one(plan: Plan, detailed: bool, code: ExitCode) -> None:
    assert plan_exit_code(plan, detailed=detailed) is code


def report(plan: Plan, terminal: RecordingTerminal, **changed: object) -> str:
    workspace = Workspace(Path("desired-state"), Path("plans"), True, datetime.now(UTC))
    options = replace(PlanReport(workspace, OutputOptions()), **changed)
    report_plan(plan, builders.APPLE, Health(), options, terminal)
    return terminal.notes[-1] if terminal.notes else ""


def test_a_plan_with_changes_is_better_saved(terminal: RecordingTerminal) -> None:
    assert report(CHANGES, terminal).startswith("Save the plan with -o FILE")
    assert 'user["ada@example.com"] will be updated in-place' in terminal.out


@pytest.mark.parametrize("plan", [EMPTY, BLOCKED])
def test_a_plan_that_cannot_be_applied_is_not(terminal: RecordingTerminal, plan: Plan) -> None:
    assert report(plan, terminal) == ""


def test_a_saved_plan_names_its_command(terminal: RecordingTerminal, tmp_path: Path) -> None:
    file = tmp_path / "a plan.json"
    assert report(CHANGES, terminal, out=file).endswith(f"    reconciler apply --sandbox '{file}'")
    assert file.is_file()


def test_a_saved_plan_that_cannot_be_applied_has_no_command(terminal: RecordingTerminal, tmp_path: Path) -> None:
    note = report(BLOCKED, terminal, out=tmp_path / "plan.json")
    assert note == f"Saved the plan to: {tmp_path / 'plan.json'} (it expires on {BLOCKED.expires_at:%Y-%m-%d})"
