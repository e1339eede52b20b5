from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.git.incomplete_clone import explain_missing_objects


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    made = GitRepository(tmp_path / "origin")
    made.commit("One", {"desired-state/a.txt": "1\n"})
    made.commit("Two", {"desired-state/a.txt": "2\n"})
    made.git("config", "uploadpack.allowFilter", "true")
    return made.root


def clone(origin: Path, *options: str) -> Path:
    into = origin.parent / "my clone"
    subprocess.run(["git", "clone", "-q", *options, origin.as_uri(), str(into)], check=True)
    return into


def missing(directory: Path) -> int:
    listed = subprocess.run(
        ["git", "-C", str(directory), "rev-list", "--objects", "--all", "--missing=print"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return sum(line.startswith("?") for line in listed.stdout.splitlines())


@pytest.mark.parametrize("options", [(), ("--depth", "1")])
def test_a_clone_with_all_files_is_not_partial(options: tuple[str, ...], origin: Path) -> None:
    assert explain_missing_objects(clone(origin, *options)) is None


def test_a_directory_without_git_is_not_partial(tmp_path: Path) -> None:
    assert explain_missing_objects(tmp_path) is None


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
@pytest.mark.parametrize("remote", ["origin", "up.stream"])
def test_the_command_fetches_what_is_missing(filtered: str, remote: str, origin: Path) -> None:
    partial = clone(origin, f"--filter={filtered}", "--origin", remote)
    assert missing(partial) > 0
    found = explain_missing_objects(partial)
    assert found is not None
    command = found.detail.splitlines()[0].removeprefix("Fetch them: ")
    assert shlex.split(command)[-1] == remote
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert missing(partial) == 0
