from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.errors import ExitCode, UsageError
from reconciler.github.api import GitHub, GitHubError
from reconciler.session.github_step import print_outputs, run_optional_step, run_summary_step, write_summary


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/people")


def test_what_was_done_is_noted(terminal: RecordingTerminal) -> None:
    assert run_optional_step("comment", lambda _hub: "created", terminal) is ExitCode.OK
    assert (terminal.notes, terminal.out) == (["GitHub comment: created."], "")


def test_a_refusal_is_a_warning_on_one_line(terminal: RecordingTerminal) -> None:
    def refuse(_hub: GitHub) -> str:
        raise GitHubError(403, "GitHub refuses\n::error::", "Look there")

    assert run_optional_step("comment", refuse, terminal) is ExitCode.OK
    (line,) = terminal.out.splitlines()
    assert line.startswith("::warning::comment: GitHub refuses")
    assert line.endswith("Look there")


def test_a_missing_token_still_fails(terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(UsageError, match="GITHUB_TOKEN is not set"):
        run_optional_step("comment", lambda _hub: "created", terminal)


def test_outputs_are_added_to_those_of_the_step(
    terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    for facts in ({"any": True}, {"commit": "c0ffee", "count": 2}):
        print_outputs(facts, terminal)
    assert (tmp_path / "outputs").read_text() == "any=true\ncommit=c0ffee\ncount=2\n"
    assert terminal.out == ""


def test_outside_of_a_workflow_outputs_are_printed(
    terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    print_outputs({"any": False}, terminal)
    assert terminal.out.strip() == "any=false"


def test_the_summary_is_what_was_written_one_after_the_other(
    terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    write_summary("no *markup*\n", markdown=False)
    assert run_summary_step(lambda: "**bold**\n", terminal, markdown=True) is ExitCode.OK
    assert (tmp_path / "summary").read_text() == "    no *markup*\n\n**bold**\n\n"


def test_outside_of_a_workflow_nothing_is_rendered_for_a_summary(
    terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write_summary("lost\n", markdown=False)
    assert run_summary_step(lambda: pytest.fail("rendered"), terminal, markdown=True) is ExitCode.OK
    assert terminal.notes == ["There is no step summary outside of GitHub Actions."]
