from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import builders
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.errors import ReconcilerError
from reconciler.record.layout import RECEIPT
from reconciler.record.merge import RECORD_FILES
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.session.audit_record import (
    build_redactor,
    build_redactor_for_reading,
    note_unreadable_records,
    open_full_record,
    prepare_record_directory,
    write_missing_pages,
)
from reconciler.session.workspace import Workspace

KEY = "k" * 64


@pytest.fixture
def digests(target: TargetWorkspace) -> TargetWorkspace:
    target.files.settings(record={"values": "digest"})
    return target


def test_a_record_in_clear_needs_no_key(target: TargetWorkspace) -> None:
    assert build_redactor(target.workspace, target.state()) is NO_REDACTION


def test_digests_need_a_key(digests: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReconcilerError, match="RECONCILER_RECORD_KEY is not set"):
        build_redactor(digests.workspace, digests.state())
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    assert build_redactor(digests.workspace, digests.state()).key == KEY.encode()


def test_the_sandbox_needs_no_key(digests: TargetWorkspace) -> None:
    assert build_redactor(replace(digests.workspace, sandbox=True), digests.state()) is NO_REDACTION


def test_reading_without_a_key_is_noted(digests: TargetWorkspace) -> None:
    found = build_redactor_for_reading(digests.workspace, digests.state(), digests.terminal)
    assert found is NO_REDACTION
    (note,) = digests.terminal.notes
    assert note.startswith("RECONCILER_RECORD_KEY is not set. Not recognised in records with digests: earlier names of")


def test_receipts_with_another_key_are_noted(digests: TargetWorkspace) -> None:
    state, terminal = digests.state(), digests.terminal
    note_unreadable_records(state, NO_REDACTION, terminal)
    assert terminal.notes == [], "noted when the redactor was made"
    note_unreadable_records(state, Redactor(b"x" * 64), terminal)
    full = replace(state, policy=replace(state.policy, digests=False))
    note_unreadable_records(full, NO_REDACTION, terminal)
    assert [note.splitlines()[0] for note in terminal.notes] == [
        "Earlier receipts hold digests of another RECONCILER_RECORD_KEY. Not recognised: earlier names of",
        "Earlier receipts hold digests, and `record: {values: digest}` is not set. Not recognised: earlier names of",
    ]


def test_without_a_branch_the_record_is_plans_only(tmp_path: Path, terminal: RecordingTerminal) -> None:
    workspace = Workspace(tmp_path / "desired-state", tmp_path / "plans", False, datetime.now(UTC))
    for branch, place in ((None, workspace), ("record", replace(workspace, sandbox=True))):
        with open_full_record(place, branch, terminal) as found:
            assert found == place
            assert found.history == place.record


def test_of_a_branch_plans_and_pages_are_read_only_if_they_are_needed(
    tmp_path: Path, terminal: RecordingTerminal
) -> None:
    made, record = GitRepository(tmp_path, tracked="plans"), "2026-03-01-0123456789ab"
    files = {f"plans/{record}/{name}": '{"event": "apply_started"}\n' for name in RECORD_FILES}
    made.commit("Record", {**files, "plans/refusal.json": "{}"})
    made.git("branch", "record")
    (tmp_path / "desired-state").mkdir()
    workspace = Workspace(tmp_path / "desired-state", tmp_path / "plans", False, datetime.now(UTC))
    for plans, expected in ((True, {*RECORD_FILES, "refusal.json"}), (False, {RECEIPT, "refusal.json"})):
        with open_full_record(workspace, "record", terminal, plans=plans) as found:
            assert {path.name for path in found.history.rglob("*.*") if path.is_file()} == expected


def test_a_page_that_is_missing_is_written(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    (page,) = target.workspace.plans.glob("*/README.md")
    content = page.read_text()
    page.unlink()
    write_missing_pages(target.workspace, target.terminal)
    assert page.read_text() == content


def test_a_record_continues_what_the_branch_has(tmp_path: Path) -> None:
    plan = builders.plan_with(builders.change("ada"))
    workspace = Workspace(tmp_path / "s", tmp_path / "plans", False, datetime.now(UTC), past=tmp_path / "full")
    name = prepare_record_directory(workspace, plan).name
    (tmp_path / "full" / name).mkdir(parents=True)
    (tmp_path / "full" / name / "receipt.jsonl").write_text("earlier\n")
    directory = prepare_record_directory(workspace, plan)
    assert directory == tmp_path / "plans" / name
    assert (directory / "receipt.jsonl").read_text() == "earlier\n"
