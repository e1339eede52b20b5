"""The first screens of a user: help, versions and the completion of a shell, by the installed command."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from support.command import COMMAND, Screen, coverage_environment, screen
from support.command import run as run_here

from reconciler import __version__
from reconciler.cli import app


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**coverage_environment(), "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    return subprocess.run(
        [COMMAND, *arguments], cwd=tmp_path, env={**env, **environment}, capture_output=True, text=True, check=False
    )


def list_commands(command: Any = None, *names: str) -> list[tuple[str, ...]]:
    """Return the words of every group and command."""
    command = command or typer.main.get_command(app)
    members = getattr(command, "commands", {})
    return [names, *(words for name, member in members.items() for words in list_commands(member, *names, name))]


GROUPS = [(), ("sandbox",), ("import",), ("add",), ("export",), ("github",), ("fleet",)]


def test_the_groups_are_complete() -> None:
    def is_group(words: tuple[str, ...]) -> bool:
        command: Any = typer.main.get_command(app)
        for word in words:
            command = command.commands[word]
        return hasattr(command, "commands")

    assert [words for words in list_commands() if is_group(words)] == GROUPS


@pytest.mark.parametrize("group", [group for group in GROUPS if group != ("export",)], ids=" ".join)
def test_a_group_without_a_command_shows_its_help(group: tuple[str, ...], tmp_path: Path) -> None:
    answer = run(tmp_path, *group)
    asked = run(tmp_path, *group, "--help")
    assert asked.returncode == 0
    assert len(asked.stdout.splitlines()) > 7
    assert (answer.returncode, answer.stdout, answer.stderr) == (64, "", asked.stdout)


@pytest.mark.parametrize("words", list_commands(), ids=" ".join)
def test_every_help_is_readable_in_80_columns(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    short, long = run_here(["reconciler", *words, "-h"]), run_here(["reconciler", *words, "--help"])
    assert (short.code, short.out) == (0, long.out)
    lines = long.out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.endswith("...") and "..." not in lines[0]] == []
    assert "\\n" not in long.out
    # Every option and argument says what it is for.
    assert [line for line in lines if line.lstrip().startswith("-") and len(line.split()) == 1] == []


@pytest.mark.parametrize("words", [("--version",), ("version",)])
def test_the_version(words: tuple[str, ...], tmp_path: Path) -> None:
    answer = run(tmp_path, *words)
    assert (answer.returncode, answer.stdout) == (0, f"reconciler {__version__}\n")


def test_an_unknown_command_leads_to_the_help(tmp_path: Path) -> None:
    answer = run(tmp_path, "plann")
    assert answer.returncode == 64
    assert "Try 'reconciler --help' for help." in answer.stderr
    assert "Did you mean 'plan'" in answer.stderr


# --- shell completion --------------------------------------------------------------

USERS = """\
- objectId: "1"
  userPrincipalName: ada.lovelace@example.com
- userPrincipalName: "Adele.Goldberg@example.com" # quoted
- {userPrincipalName: in.flow@example.com}
- userPrincipalName: ada$(touch pwned)@example.com
- userPrincipalName: 'ada`touch pwned`@example.com'
- userPrincipalName: grace.hopper@example.com
"""


class Bash:
    """An interactive bash in which the completion is installed."""

    def __init__(self, terminal: Screen, home: Path) -> None:
        self.terminal = terminal
        env = {**coverage_environment(), "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"}
        env["PATH"] = f"{COMMAND.parent}:{os.environ['PATH']}"
        line = ["bash", "--rcfile", str(home / ".bashrc"), "-i"]
        self.process = subprocess.Popen(
            line,
            cwd=home,
            env=env,
            start_new_session=True,
            **dict.fromkeys(("stdin", "stdout", "stderr"), terminal.slave),
        )
        terminal.close_slave()
        self.terminal.type("PS1=; echo rea''dy\n")
        self.terminal.read(until=b"ready")

    def complete(self, line: str, until: str) -> None:
        """Type the line and TAB twice; wait for `until` on the screen."""
        self.terminal.type(f"{line}\t\t")
        self.terminal.read(until=until.encode())
        self.terminal.type("\x15")  # Ctrl-U: clear the line


@pytest.fixture
def completing(tmp_path: Path) -> Iterator[Bash]:
    (tmp_path / "desired-state" / "users").mkdir(parents=True)
    (tmp_path / "desired-state" / "users" / "people.yaml").write_text(USERS, "utf-8")
    (tmp_path / "other" / "users").mkdir(parents=True)
    (tmp_path / "other" / "users" / "a.yml").write_text("- userPrincipalName: linus.torvalds@example.org\n", "utf-8")
    (tmp_path / "saved-plan.json").write_text("{}", "utf-8")
    installed = run(tmp_path, "--install-completion", "bash")
    assert installed.returncode == 0
    file = f"{tmp_path}/.bash_completions/reconciler.sh"
    assert installed.stdout == f"Installed the completion of bash in {file}. Start a new shell to use it.\n"
    with screen() as terminal:
        bash = Bash(terminal, tmp_path)
        yield bash
        terminal.type("\x15exit\n")
        bash.process.wait(timeout=20)


def test_bash_completes_commands_options_values_and_users(completing: Bash, tmp_path: Path) -> None:
    completing.complete("reconciler valid", "reconciler validate ")
    completing.complete("reconciler sandbox se", "serve")
    completing.complete("reconciler plan --detailed", "--detailed-exitcode ")
    completing.complete("reconciler show --format mark", "--format markdown ")
    completing.complete("reconciler apply --lift reac", "--lift reactivations ")
    completing.complete("reconciler explain ada.", "explain ada.lovelace@example.com ")
    completing.complete("reconciler plan --user Adel", "Adele.Goldberg@example.com ")
    completing.complete("reconciler log --state other lin", "linus.torvalds@example.org ")
    completing.complete("reconciler show saved", "show saved-plan.json ")
    assert not (tmp_path / "pwned").exists()


def test_a_completion_with_users_is_quick_and_takes_no_code_from_files(tmp_path: Path) -> None:
    (tmp_path / "desired-state" / "users").mkdir(parents=True)
    people = "".join(f"- userPrincipalName: user.{number}@example.com\n" for number in range(100_000))
    (tmp_path / "desired-state" / "users" / "people.yaml").write_text(USERS + people, "utf-8")
    (tmp_path / "desired-state" / "settings.yaml").write_text("broken: [", "utf-8")
    asks = {"_RECONCILER_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "reconciler explain ada"}
    answer = run(tmp_path, **asks)
    assert (answer.returncode, answer.stdout) == (0, """_arguments '*: :(("ada.lovelace@example.com"))'\n""")
    began = time.monotonic()
    run(tmp_path, **asks)
    assert time.monotonic() - began < 2
    loaded = run(tmp_path, **asks, PYTHONPROFILEIMPORTTIME="1")
    assert "reconciler.desired.layout" in loaded.stderr
    assert [word for word in ("| rich", "pydantic", "ruamel", "httpx") if word in loaded.stderr] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell(shell: str, tmp_path: Path) -> None:
    answer = run(tmp_path, "--show-completion", shell)
    assert answer.returncode == 0
    assert f"_RECONCILER_COMPLETE=complete_{shell}" in answer.stdout
    installed = run(tmp_path, "--install-completion", shell)
    file = Path(installed.stdout.split(" in ")[1].removesuffix(". Start a new shell to use it.\n"))
    assert file.read_text("utf-8").strip() == answer.stdout.strip()


def test_another_shell_has_no_completion(tmp_path: Path) -> None:
    answer = run(tmp_path, "--show-completion", "tcsh")
    assert (answer.returncode, answer.stdout) == (64, "")
    assert answer.stderr == (
        'Error: there is no completion for "tcsh"\n\n'
        "  Name one of bash, zsh, fish, such as: reconciler --show-completion bash\n"
    )
