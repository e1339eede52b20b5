from __future__ import annotations

import json
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import builders
from support.recording_terminal import RecordingTerminal
from support.target_workspace import TargetWorkspace

from reconciler.core.plan import Outcome, Result
from reconciler.errors import ReconcilerError
from reconciler.session.provisioning_log import LogFile, open_log

CHANGE = builders.change("ada")
PLAN = builders.plan_with(CHANGE)


def test_a_line_per_outcome_in_a_private_file(target: TargetWorkspace, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    with target.session() as session, open_log(file, target.terminal) as log:
        log.begin(PLAN, session, person=False)
        log.planned(PLAN)
        log.outcome(Outcome(CHANGE, Result.DONE))
    planned, done = map(json.loads, file.read_text().splitlines())
    assert planned["changeId"] == done["changeId"]
    assert planned["cycleId"] == done["cycleId"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_are_appended(target: TargetWorkspace, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    for _ in range(2):
        with target.session() as session, open_log(file, target.terminal) as log:
            log.begin(PLAN, session, person=True)
            log.planned(PLAN)
    assert len(file.read_text().splitlines()) == 2


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file grows beyond 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_line_that_is_cut_is_noted(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log.jsonl")
    log.add("x" * 150)
    log.close()
    assert log.error == "File too large (EFBIG)"


def test_before_a_plan_and_without_a_file_nothing_is_written(terminal: RecordingTerminal, tmp_path: Path) -> None:
    for file in (tmp_path / "log.jsonl", None):
        with open_log(file, terminal) as log:
            log.outcome(Outcome(CHANGE, Result.DONE))
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_a_file_that_cannot_be_written_is_an_error_at_once(terminal: RecordingTerminal, tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="cannot write the log"), open_log(tmp_path / "no" / "log", terminal):
        raise AssertionError("the log is open")


def test_a_full_disk_is_noted_and_ends_nothing(target: TargetWorkspace) -> None:
    with target.session() as session, open_log(Path("/dev/full"), target.terminal) as log:
        log.begin(PLAN, session, person=False)
        log.planned(PLAN)
        log.planned(PLAN)
    assert target.terminal.notes == ["The log /dev/full is not complete: No space left on device (ENOSPC)"]
