"""A fifth of all requests fail and the command is killed; repeating the same command converges.

A long run: `pytest tests/chaos/test_storms.py --chaos-users 1000 --chaos-kills 20 --chaos-seed 7 -s`
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest
from support.chaos.expected_users import expected_users, read_steps, write_steps
from support.chaos.fault_schedule import FAULTS, Schedule, storm
from support.chaos.scenario import COMMAND, ChaosScenario, Service
from support.chaos.services import RecordingServer, Sandbox

KINDS = ("strict", "lenient", "sandbox")
"""A service that refuses a duplicate userName, one that does not, and the sandbox as a process."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        chosen_seed = metafunc.config.getoption("--chaos-seed")
        storms = product(KINDS, chosen_seed) if chosen_seed else zip(KINDS, (1, 2, 3), strict=True)
        metafunc.parametrize(("kind", "seed"), list(storms))


@pytest.fixture
def scenario(
    request: pytest.FixtureRequest, kind: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ChaosScenario]:
    """Users for every action, with a storm of faults."""
    option = request.config.getoption
    expected = expected_users(option("--chaos-users"))
    users = [user.before for user in expected if user.before is not None]
    schedule = storm(seed, option("--chaos-rate"), write_steps(expected), read_steps(expected), option("--chaos-kills"))
    journal = tmp_path / "journal.jsonl"
    with ExitStack() as stack:
        service: Service = stack.enter_context(
            Sandbox(COMMAND, tmp_path, users)
            if kind == "sandbox"
            else RecordingServer(journal, users, unique=kind == "strict")
        )
        opened = ChaosScenario(tmp_path / "workspace", service, expected, schedule, monkeypatch)
        stack.callback(opened.close)
        yield opened


def test_a_storm_ends_in_the_desired_state_without_duplicate_users(scenario: ChaosScenario, seed: int) -> None:
    began = time.monotonic()
    # Each kill ends a run, and so do the planted faults that concern every request.
    scenario.until_done("apply", "--auto-approve", runs=20 + 2 * len(scenario.injector.schedule.kills))
    fired = scenario.injector.counts()
    lines = [f"{scenario.codes} in {time.monotonic() - began:.1f} s, {scenario.injector.requests} requests"]
    lines += [f"{fired[fault]:5} {fault}" for fault in sorted(fired)]
    sys.stdout.write("\n".join(lines) + "\n")
    scenario.check()
    assert set(scenario.codes) <= {0, 1, 5, -9}
    assert scenario.injector.requests <= 10 * len(scenario.people) + 60 * len(scenario.codes)
    assert set(FAULTS) <= fired.keys()
    assert scenario.injector.schedule.kills == {}, "kills that did not happen"
    scenario.injector.schedule = Schedule(seed)
    assert scenario.once("plan", "--detailed-exitcode") == 0, "a plan after an apply is empty"
