from __future__ import annotations

from pathlib import Path

import pytest
from support.workflow_step import Step

from reconciler.commands.github.summary import run_summary


def test_a_plan_is_appended_as_markdown(step: Step) -> None:
    step.summary.write_text("before\n")
    run_summary(step.file, step.terminal, redact=False)
    text = step.summary.read_text()
    assert text.startswith("before\n")
    assert "ada@example.com" in text


def test_a_redacted_plan_has_no_names(step: Step) -> None:
    run_summary(step.file, step.terminal, redact=True)
    assert "ada@example.com" not in step.summary.read_text()


def test_a_text_is_appended_as_code(step: Step, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("# not a heading")
    run_summary(tmp_path / "log.txt", step.terminal, redact=False)
    assert "    # not a heading" in step.summary.read_text() or "```" in step.summary.read_text()


def test_outside_of_github_actions_there_is_no_summary(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    run_summary(step.file, step.terminal, redact=False)
    assert step.terminal.notes == ["There is no step summary outside of GitHub Actions."]
