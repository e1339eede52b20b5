"""The callbacks of shell completion; the shells themselves are in e2e/test_first_screens.py."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli import completion
from reconciler.core.policy import APPROVABLE_GUARDS
from reconciler.errors import UsageError
from reconciler.profiles import PROFILES


def test_a_value_is_one_of_the_words() -> None:
    complete = completion.complete_from("text", "json", "tea")
    assert complete("te") == ["text", "tea"]
    assert complete("x") == []


def test_guards_and_profiles_are_those_that_exist() -> None:
    assert completion.complete_guards("") == list(APPROVABLE_GUARDS)
    assert completion.complete_profiles("apple") == [name for name in PROFILES if name.startswith("apple")]


def test_users_are_those_of_the_state_that_the_line_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("desired-state", "other"):
        (tmp_path / name / "users").mkdir(parents=True)
        (tmp_path / name / "users" / "a.yaml").write_text(f"- userPrincipalName: of.{name}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    context: Any = SimpleNamespace(params={"state": "other"})
    assert completion.complete_users(context, "of") == ["of.other"]
    context.params = {"state": None}
    assert completion.complete_users(context, "of") == ["of.desired-state"]


def test_rich_is_loaded_unless_a_shell_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", sys)
    monkeypatch.delenv(completion.VARIABLE, raising=False)
    completion.prepare_completion()
    assert sys.modules["rich"] is sys
    monkeypatch.setenv(completion.VARIABLE, "complete_bash")
    completion.prepare_completion()
    assert sys.modules["rich"] is None


@pytest.mark.parametrize(("words", "shell"), [(["zsh"], "zsh"), ([], "fish")])
def test_the_shell_is_the_one_named_or_detected(words: list[str], shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reconciler", "--show-completion", *words])
    monkeypatch.setattr(completion._typer_completion, "_get_shell_name", lambda: "fish")
    assert completion._find_shell("--show-completion") == shell


@pytest.mark.parametrize(
    ("detected", "problem"),
    [("ksh", 'there is no completion for "ksh"'), (None, "the shell that runs this is not known")],
)
def test_a_shell_without_completion_is_an_error(
    detected: str | None, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["reconciler", "--install-completion"])
    monkeypatch.setattr(completion._typer_completion, "_get_shell_name", lambda: detected)
    with pytest.raises(UsageError, match=problem) as raised:
        completion._find_shell("--install-completion")
    assert raised.value.detail == "Name one of bash, zsh, fish, such as: reconciler --install-completion bash"
