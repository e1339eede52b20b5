from __future__ import annotations

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.errors import ExitCode, UsageError
from reconciler.github.api import GitHub, GitHubError
from reconciler.session.github_step import run_optional_step


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
