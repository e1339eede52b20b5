from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import builders
from support.recording_terminal import RecordingTerminal
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.commands.show import run_show
from reconciler.errors import ExitCode, PlanFileError, UsageError
from reconciler.record.plan_file import to_json
from reconciler.render.formats import OutputOptions


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    file.write_text(to_json(builders.plan_with(builders.change("ada"))))
    return file


@pytest.fixture
def record(target: TargetWorkspace) -> Path:
    target.desire(person("ada"))
    target.apply()
    (directory,) = target.workspace.plans.iterdir()
    return directory


def test_a_saved_plan_is_rendered(saved: Path, terminal: RecordingTerminal) -> None:
    assert run_show(saved, OutputOptions(), terminal) is ExitCode.OK
    assert 'user["ada@example.com"] will be updated in-place' in terminal.out


def test_a_saved_plan_as_json_is_the_file(saved: Path, terminal: RecordingTerminal) -> None:
    run_show(saved, OutputOptions("json"), terminal)
    assert json.loads(terminal.out) == json.loads(saved.read_text())


def test_a_record_is_plan_and_receipt(record: Path, terminal: RecordingTerminal) -> None:
    run_show(record, OutputOptions(), terminal)
    assert 'user["ada@example.com"] will be created' in terminal.out
    assert "apply finished: 1 done" in terminal.out


def test_a_receipt_as_json_is_its_entries(record: Path, terminal: RecordingTerminal) -> None:
    run_show(record / "receipt.jsonl", OutputOptions("json"), terminal)
    events = [entry["event"] for entry in json.loads(terminal.out)]
    assert (events[0], events[-1]) == ("apply_started", "apply_finished")


def test_a_receipt_has_no_html(record: Path, terminal: RecordingTerminal) -> None:
    with pytest.raises(UsageError, match="a receipt has no --format html"):
        run_show(record / "receipt.jsonl", OutputOptions("html"), terminal)


def test_json_of_a_receipt_is_not_redacted(record: Path) -> None:
    with pytest.raises(UsageError, match="--redact cannot be combined with --format json"):
        run_show(record / "receipt.jsonl", OutputOptions("json"), RecordingTerminal(redact=True))


def test_a_file_that_is_no_plan_is_an_error(tmp_path: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(PlanFileError):
        run_show(tmp_path / "plan.json", OutputOptions(), terminal)
