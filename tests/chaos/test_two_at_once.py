"""Two applies of one plan at the same time."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import pytest
from support.chaos.expected_users import expected_users
from support.chaos.fault_schedule import Schedule
from support.chaos.scenario import ChaosScenario
from support.chaos.services import RecordingServer

LOCK = pytest.mark.skipif(importlib.util.find_spec("reconciler.record.lock") is None, reason="there is no lock yet")


@pytest.mark.parametrize("unique", [True, pytest.param(False, marks=LOCK)], ids=["strict", "lenient"])
def test_two_applies_at_once_write_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, unique: bool
) -> None:
    expected = expected_users(20)
    users = [user.before for user in expected if user.before is not None]
    with RecordingServer(tmp_path / "journal.jsonl", users, unique=unique) as server:
        scenario = ChaosScenario(tmp_path / "workspace", server, expected, Schedule(0), monkeypatch)
        file = str(scenario.root / "plan.json")
        assert scenario.once("plan", "-o", file) == 0
        both = [scenario.start("apply", file) for _ in range(2)]
        codes = [process.wait(timeout=120) for process in both]
        assert 0 in codes, scenario.last_output()
        assert scenario.once("apply", file) == 0, scenario.last_output()
        scenario.check()
        scenario.close()


@LOCK
def test_a_second_apply_does_not_write_while_the_first_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = expected_users(20)
    users = [user.before for user in expected if user.before is not None]
    with RecordingServer(tmp_path / "journal.jsonl", users) as server:
        scenario = ChaosScenario(tmp_path / "workspace", server, expected, Schedule(0), monkeypatch)
        writing, may_go_on = threading.Event(), threading.Event()

        def held(_person: str) -> None:
            writing.set()
            assert may_go_on.wait(60)

        monkeypatch.setattr(scenario.injector, "_arriving", held)
        first = scenario.start("apply", "--auto-approve")
        assert writing.wait(60)
        assert scenario.start("apply", "--auto-approve").wait(timeout=60) == 1, scenario.last_output()
        may_go_on.set()
        assert first.wait(timeout=120) == 0
        scenario.check()
        scenario.close()
