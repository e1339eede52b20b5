"""kill -9 at every line of the receipt, and between a change and the line that says it happened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.company import company, write_steps
from chaos.faults import Fault, Schedule
from chaos.mortal import forked
from chaos.scene import Scene
from chaos.services import Witness

SMALL = company(10)
LINES = 20
"""Of the receipt of a whole apply of this company."""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    users = [person.before for person in SMALL if person.before is not None]
    with Witness(tmp_path / "journal.jsonl", users) as witness:
        opened = Scene(tmp_path / "desk", witness, SMALL, Schedule(0), monkeypatch)
        yield opened
        opened.close()


def run(scene: Scene, *line: str, die_at: int | None = None) -> int:
    code = forked(scene.line(*line), scene.root / "out-0", born=scene.injector.aim, die_at=die_at)
    scene.injector.settle()
    return code


def saved_plan(scene: Scene) -> str:
    file = str(scene.root / "plan.json")
    assert run(scene, "plan", "-o", file) == 0
    return file


def test_a_whole_apply_writes_so_many_lines(scene: Scene) -> None:
    assert run(scene, "apply", "--auto-approve") == 0
    scene.check()
    assert len(scene.receipt()) == LINES
    assert run(scene, "plan", "--detailed-exitcode") == 0, "a plan after an apply is empty"


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_an_apply_killed_at_any_line_is_finished_by_the_same_command(scene: Scene, line: int, *, torn: bool) -> None:
    command = ("apply", saved_plan(scene))
    assert run(scene, *command, die_at=line) == -9
    assert len(scene.receipt()) >= line
    if torn:
        (receipt,) = scene.plans.glob("*/receipt.jsonl")
        content = receipt.read_bytes()
        last = content.rfind(b"\n", 0, -1) + 1
        os.truncate(receipt, (last + len(content)) // 2)
        scene.announced.forget()
    assert run(scene, *command) == 0, scene.last_words()
    scene.check()


@pytest.mark.parametrize("kill", [Fault.KILL_BEFORE, Fault.KILL_AFTER])
def test_an_apply_killed_at_each_write_in_turn_is_finished_by_the_same_command(scene: Scene, kill: Fault) -> None:
    command = ("apply", saved_plan(scene))
    scene.injector.schedule = Schedule(0, kills=dict.fromkeys(write_steps(SMALL), kill))
    codes = [run(scene, *command) for _ in write_steps(SMALL)]
    assert codes == [-9] * len(codes)
    assert run(scene, *command) == 0, scene.last_words()
    scene.check()
