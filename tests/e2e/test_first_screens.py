"""The first screens of a user: help, versions and the completion of a shell, by the installed command."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from support.command import COMMAND, coverage_environment

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


GROUPS = [(), ("sandbox",), ("import",), ("export",), ("github",)]


def test_the_groups_are_complete() -> None:
    def is_group(words: tuple[str, ...]) -> bool:
        command: Any = typer.main.get_command(app)
        for word in words:
            command = command.commands[word]
        return hasattr(command, "commands")

    assert [words for words in list_commands() if is_group(words)] == GROUPS


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_a_group_without_a_command_shows_its_help(group: tuple[str, ...], tmp_path: Path) -> None:
    answer = run(tmp_path, *group)
    asked = run(tmp_path, *group, "--help")
    assert asked.returncode == 0
    assert len(asked.stdout.splitlines()) > 7
    assert (answer.returncode, answer.stdout, answer.stderr) == (64, "", asked.stdout)


@pytest.mark.parametrize("words", list_commands(), ids=" ".join)
def test_every_help_is_readable_in_80_columns(words: tuple[str, ...], tmp_path: Path) -> None:
    short, long = run(tmp_path, *words, "-h", COLUMNS="80"), run(tmp_path, *words, "--help", COLUMNS="80")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    lines = long.stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.endswith("...") and "..." not in lines[0]] == []
    assert "\\n" not in long.stdout
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
