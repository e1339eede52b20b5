from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_documents import format_document
from support.workflow_step import Step

from reconciler.commands.github.fleet_summary import run_fleet_summary


def test_it_is_added_to_the_summary(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet.json").write_text(format_document({"acme": {"delete": 1}}, verb="apply"))
    step.summary.write_text("Before.\n")
    run_fleet_summary(tmp_path / "fleet.json", step.terminal, redact=True)
    text = step.summary.read_text()
    assert text.startswith("Before.\n")
    assert "acme" in text
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    run_fleet_summary(tmp_path / "fleet.json", step.terminal, redact=True)
    assert step.terminal.notes == ["There is no step summary outside of GitHub Actions."]
