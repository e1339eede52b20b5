"""kill -9 at every line of the receipt, and between a change and the line that records it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chaos.expected_users import expected_users, write_steps
from support.chaos.fault_schedule import Fault, Schedule
from support.chaos.killable_process import run_killable
from support.chaos.scenario import ChaosScenario
from support.chaos.services import RecordingServer

SMALL = expected_users(10)
LINES = 19
"""Lines in the receipt of a complete apply for these users."""


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChaosScenario]:
    users = [user.before for user in SMALL if user.before is not None]
    with RecordingServer(tmp_path / "journal.jsonl", users) as server:
        opened = ChaosScenario(tmp_path / "workspace", server, SMALL, Schedule(0), monkeypatch)
        yield opened
        opened.close()


def run(scenario: ChaosScenario, *line: str, die_at: int | None = None) -> int:
    code = run_killable(scenario.line(*line), scenario.root / "out-0", on_start=scenario.injector.aim, die_at=die_at)
    scenario.injector.settle()
    return code


def saved_plan(scenario: ChaosScenario) -> str:
    file = str(scenario.root / "plan.json")
    assert run(scenario, "plan", "-o", file) == 0
    return file


def test_a_complete_apply_writes_the_expected_number_of_lines(scenario: ChaosScenario) -> None:
    assert run(scenario, "apply", "--auto-approve") == 0
    scenario.check()
    assert len(scenario.receipt()) == LINES
    assert run(scenario, "plan", "--detailed-exitcode") == 0, "a plan after an apply is empty"


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_an_apply_killed_at_any_line_is_finished_by_the_same_command(
    scenario: ChaosScenario, line: int, *, torn: bool
) -> None:
    command = ("apply", saved_plan(scenario))
    assert run(scenario, *command, die_at=line) == -9
    assert len(scenario.receipt()) >= line
    if torn:
        (receipt,) = scenario.plans.glob("*/receipt.jsonl")
        content = receipt.read_bytes()
        last = content.rfind(b"\n", 0, -1) + 1
        os.truncate(receipt, (last + len(content)) // 2)
        scenario.announced.forget()
    assert run(scenario, *command) == 0, scenario.last_output()
    scenario.check()


@pytest.mark.parametrize("kill", [Fault.KILL_BEFORE, Fault.KILL_AFTER])
def test_an_apply_killed_at_each_write_in_turn_is_finished_by_the_same_command(
    scenario: ChaosScenario, kill: Fault
) -> None:
    command = ("apply", saved_plan(scenario))
    scenario.injector.schedule = Schedule(0, kills=dict.fromkeys(write_steps(SMALL), kill))
    codes = [run(scenario, *command) for _ in write_steps(SMALL)]
    assert codes == [-9] * len(codes)
    assert run(scenario, *command) == 0, scenario.last_output()
    scenario.check()
